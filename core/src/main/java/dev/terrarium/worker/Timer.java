package dev.terrarium.worker;

import java.time.Duration;

/// Time, so that tests can bring their own.
public interface Timer {
  /// A task that may be called off.
  interface Alarm {
    /// Does nothing where the task has run.
    void cancel();
  }

  /// Runs a task once, later, on the timer's one thread; the task must not block.
  Alarm after(Duration delay, Runnable task);
}
