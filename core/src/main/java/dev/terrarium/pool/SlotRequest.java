package dev.terrarium.pool;

import dev.terrarium.TerrariumException;
import dev.terrarium.call.PooledWorker;
import java.util.function.Supplier;

/// Somebody's wish for a slot on a worker; stands in the queue until there is one. A slot is room
/// for one call, or for one [Pipeline].
interface SlotRequest {
  /// Which workers will do. Asked under the scheduler's lock each time that the request is placed,
  /// and not again while it waits; must be quick.
  default Affinity affinity() {
    return Affinity.ANY;
  }

  /// Whether `maxWaiting` counts it.
  boolean counts();

  /// It is in the queue. Under the scheduler's lock; the others are called without any.
  void queued();

  /// Whether it is not wanted any more.
  boolean isDone();

  /// It has a slot.
  ///
  /// @return false where the worker takes nothing; the slot is gone with the worker then
  boolean assigned(PooledWorker worker);

  /// There will be no slot.
  void refuse(Supplier<TerrariumException> why);

  /// The one worker that would do is not there any more.
  default void stranded() {
    throw new IllegalStateException("any worker would have done");
  }
}
