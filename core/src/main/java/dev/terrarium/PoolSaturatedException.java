package dev.terrarium;

/// No worker was free and the queue is full, or none became free in time. What to do: shed load,
/// raise the pool's size, or shorten calls.
public final class PoolSaturatedException extends TerrariumException {
  private static final long serialVersionUID = 1;
  private final int waiting;
  private final int limit;

  public PoolSaturatedException(String message, int waiting, int limit) {
    super(message);
    this.waiting = waiting;
    this.limit = limit;
  }

  /// How many calls were waiting for a worker at that moment.
  public int waiting() {
    return waiting;
  }

  /// How many may wait ([PoolConfig#maxWaiting]).
  public int limit() {
    return limit;
  }
}
