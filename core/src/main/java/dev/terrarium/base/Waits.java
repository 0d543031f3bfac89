package dev.terrarium.base;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/// Waits that nobody cuts short, on the caller's thread: an end that was left half-way would leave
/// processes to the next layer. An interrupt stays set.
public final class Waits {
  private Waits() {}

  /// Waits for a future that does not fail, at most so long.
  ///
  /// @return whether it is complete
  public static boolean uninterruptibly(CompletableFuture<?> future, Duration longest) {
    long end = System.nanoTime() + Durations.nanos(longest);
    boolean interrupted = false;
    try {
      while (true) {
        try {
          future.get(end - System.nanoTime(), TimeUnit.NANOSECONDS);
          return true;
        } catch (InterruptedException e) {
          interrupted = true;
        } catch (TimeoutException e) {
          return false;
        } catch (ExecutionException e) {
          throw new IllegalStateException(e);
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
