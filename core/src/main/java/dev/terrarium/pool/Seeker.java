package dev.terrarium.pool;

import dev.terrarium.TerrariumException;
import dev.terrarium.worker.Worker;
import java.util.function.Supplier;

/// Somebody who wants a place on a worker and stands in the queue for it.
interface Seeker {
  /// Whether `maxWaiting` counts him.
  boolean counts();

  /// He is in the queue. Under the scheduler's lock; the others are called without any.
  void queued();

  /// Whether he does not want it any more.
  boolean isDone();

  /// He has a place.
  ///
  /// @return false where the worker takes nothing; the place is gone with the worker then
  boolean take(Worker worker);

  /// There will be no place.
  void refuse(Supplier<TerrariumException> why);
}
