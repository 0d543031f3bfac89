package dev.terrarium.trials;

import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/// Waits by looking again and again.
final class Until {
  /// For what comes for sure, on a machine that others use as well.
  static final Duration PATIENCE = Duration.ofMinutes(1);

  private static final long PAUSE_NANOS = 1_000_000;

  private Until() {}

  /// Waits for what comes for sure.
  ///
  /// @throws AssertionError if it takes too long
  static void holds(BooleanSupplier condition) {
    if (!holds(condition, PATIENCE)) {
      throw new AssertionError("did not happen within " + PATIENCE);
    }
  }

  /// Waits for what may not come.
  ///
  /// @return false if it takes too long
  static boolean holds(BooleanSupplier condition, Duration patience) {
    long end = System.nanoTime() + patience.toNanos();
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() > end) {
        return false;
      }
      LockSupport.parkNanos(PAUSE_NANOS);
    }
    return true;
  }

  /// To a tenth.
  static double millis(long nanos) {
    return Math.round(nanos / 1e5) / 10.0;
  }

  static double millisSince(long begin) {
    return millis(System.nanoTime() - begin);
  }
}
