package dev.terrarium.call;

/// What a worker tells its pool. Called without any lock, on the loop's or the clock's thread; must
/// not block.
public interface WorkerListener {
  /// It takes calls now.
  void ready(PooledWorker worker);

  /// It has ended a call, or was found not to have it.
  void callEnded(PooledWorker worker, Exchange call);

  /// It takes no more calls.
  void unavailable(PooledWorker worker);

  /// It was asked to end and did not: a signal is on its way.
  void forced(PooledWorker worker);

  /// It is dead.
  void gone(PooledWorker worker, WorkerEnd end);
}
