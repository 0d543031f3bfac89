package dev.terrarium.testkit;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/// Latches where nothing may be thrown: in hooks, listeners and threads that a test keeps waiting.
public final class Latches {
  /// Longer than any test may take.
  private static final long SECONDS_MAX = 300;

  private Latches() {}

  /// Waits for the latch. False where the thread was interrupted meanwhile, which it then still is,
  /// or nobody counted down in five minutes.
  public static boolean awaited(CountDownLatch latch) {
    try {
      return latch.await(SECONDS_MAX, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }
}
