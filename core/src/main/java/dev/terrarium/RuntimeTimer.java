package dev.terrarium;

import dev.terrarium.worker.Timer;
import java.time.Duration;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The runtime's one timer thread.
final class RuntimeTimer implements Timer, AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(RuntimeTimer.class);

  private final ScheduledThreadPoolExecutor executor;

  RuntimeTimer(String run) {
    executor =
        new ScheduledThreadPoolExecutor(
            1, Thread.ofPlatform().daemon().name("terrarium-timer-" + run).factory());
    // A minute's deadline of a call that took a millisecond must not stay in the queue for a
    // minute.
    executor.setRemoveOnCancelPolicy(true);
    executor.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
  }

  @Override
  public Alarm after(Duration delay, Runnable task) {
    try {
      Future<?> future =
          executor.schedule(() -> guarded(task), delay.toNanos(), TimeUnit.NANOSECONDS);
      return () -> future.cancel(false);
    } catch (RejectedExecutionException e) {
      return () -> {}; // the runtime has ended, and with it everything that could be late
    }
  }

  private static void guarded(Runnable task) {
    try {
      task.run();
    } catch (RuntimeException e) {
      LOG.error("A timed task failed", e);
    }
  }

  @Override
  public void close() {
    executor.shutdownNow();
    try {
      executor.awaitTermination(1, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
