package dev.terrarium.base;

import java.time.Duration;
import java.time.InstantSource;

/// The runtime's time: the wall clock, a clock for durations, and alarms. One interface for all
/// three, so that a test can bring its own and let an hour pass at once.
///
/// Threads: any.
public interface Clock extends InstantSource {
  /// A task that may be called off.
  interface Alarm {
    /// Does nothing where the task has run.
    void cancel();
  }

  /// Nanoseconds since some moment, monotonic, as [System#nanoTime()]: two values are compared by
  /// their difference.
  long nanos();

  /// Runs a task once, later, on the clock's one thread; the task must not block.
  Alarm after(Duration delay, Runnable task);

  /// How much time has passed since then.
  ///
  /// @param start of [#nanos()]
  default Duration since(long start) {
    return Duration.ofNanos(nanos() - start);
  }
}
