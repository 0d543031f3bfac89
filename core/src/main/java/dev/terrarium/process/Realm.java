package dev.terrarium.process;

/// Who looks after a process: the runtime's warden, or the one of a pool in a PID namespace. The
/// upper half of the number that a process bears says it; so, when one of them has died, what it
/// looked after is told from what others do.
///
/// @param number 0 for the runtime's warden
public record Realm(long number) {
  /// What the runtime's warden looks after.
  public static final Realm COMMON = new Realm(0);

  private static final int SERIAL_BITS = 32;
  private static final long SERIAL_MAX = (1L << SERIAL_BITS) - 1;

  /// The one that a process belongs to.
  ///
  /// @param worker the number that it bears
  public static Realm of(long worker) {
    return new Realm(worker >>> SERIAL_BITS);
  }

  /// The number that its warden bears.
  public long warden() {
    return number << SERIAL_BITS;
  }

  /// The number that a worker of it bears.
  ///
  /// @param serial unique within the runtime
  public long worker(long serial) {
    return warden() + serial;
  }

  /// The number that a process beside the workers bears: from the last one downwards, which no
  /// worker's serial reaches.
  public long aside(long serial) {
    return warden() + SERIAL_MAX - serial;
  }

  /// Whether that is such a number.
  static boolean isAside(long worker) {
    return (worker & SERIAL_MAX) > SERIAL_MAX / 2;
  }
}
