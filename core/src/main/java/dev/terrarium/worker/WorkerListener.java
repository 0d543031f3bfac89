package dev.terrarium.worker;

/// What a worker tells its pool. Called without any lock, on the loop's or the timer's thread; must
/// not block.
public interface WorkerListener {
  /// It takes calls now.
  void ready(Worker worker);

  /// One of its calls is over. A place is free again, unless the call belongs to a row, which knows
  /// whether it has more.
  void callEnded(Worker worker, Call call);

  /// It takes no more calls.
  void unavailable(Worker worker);

  /// It was asked to end and did not: a signal is on its way.
  void forced(Worker worker);

  /// It is dead.
  void gone(Worker worker, WorkerState.Gone gone);
}
