package dev.terrarium.wire;

import dev.terrarium.base.Log;
import java.util.concurrent.TimeUnit;

/// One warning a second at most; the next one says how many were left out. For one thread. Never
/// throws: where there is no memory for a warning it is left out as well.
final class Throttle {
  private static final long PERIOD_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final Log log;
  private long last = System.nanoTime() - PERIOD_NANOS;
  private int leftOut;

  Throttle(Log log) {
    this.log = log;
  }

  void warn(String what, Throwable why) {
    long now = System.nanoTime();
    if (now - last < PERIOD_NANOS) {
      leftOut++;
      return;
    }
    last = now;
    try {
      log.warn(
          "{}: {}{}",
          what,
          why.getMessage(),
          leftOut == 0 ? "" : " (and " + leftOut + " more before it)");
      leftOut = 0;
    } catch (OutOfMemoryError e) {
      leftOut++;
    }
  }
}
