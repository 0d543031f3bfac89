package dev.terrarium.wire;

import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;

/// One warning a second at most; the next one says how many were left out. For one thread.
final class Throttle {
  private static final long PERIOD_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final Logger log;
  private long last = System.nanoTime() - PERIOD_NANOS;
  private int leftOut;

  Throttle(Logger log) {
    this.log = log;
  }

  void warn(String what, Throwable why) {
    long now = System.nanoTime();
    if (now - last < PERIOD_NANOS) {
      leftOut++;
      return;
    }
    log.warn(
        "{}: {}{}",
        what,
        why.getMessage(),
        leftOut == 0 ? "" : " (and " + leftOut + " more before it)");
    last = now;
    leftOut = 0;
  }
}
