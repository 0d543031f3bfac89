package dev.terrarium.warden;

import dev.terrarium.base.Log;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/// Does what has to be done again and again, later and later, until it succeeds. Descriptors,
/// threads and memory that a JVM has run out of come back; who gives up meanwhile never heals.
///
/// Any thread may end it; one uses it.
final class Retry {
  /// The first pause; each further one is twice as long.
  static final Duration FIRST = Duration.ofMillis(100);

  /// The longest pause.
  static final Duration LONGEST = Duration.ofSeconds(5);

  private final Log log;
  private final CountDownLatch over = new CountDownLatch(1);

  /// @param log gets a warning for each failure
  Retry(Log log) {
    this.log = log;
  }

  /// Until it succeeds.
  ///
  /// @param what for people
  /// @return false where it has not, and is not wanted any more
  boolean run(String what, Runnable attempt) {
    return run(what, Integer.MAX_VALUE, attempt);
  }

  /// Until it succeeds, or has failed so often; once in any case.
  boolean run(String what, int timesMax, Runnable attempt) {
    int failures = 0;
    do {
      try {
        attempt.run();
        return true;
      } catch (RuntimeException | Error e) {
        Duration pause = pause(failures);
        say(what, ++failures, pause, e);
        await(pause);
      }
    } while (failures < timesMax && !isOver());
    return false;
  }

  /// Nothing is tried any more; who waits for the next try, waits no longer.
  void end() {
    over.countDown();
  }

  private boolean isOver() {
    return over.getCount() == 0;
  }

  static Duration pause(int failuresBefore) {
    Duration doubled = FIRST.multipliedBy(1L << Math.min(failuresBefore, 16));
    return doubled.compareTo(LONGEST) < 0 ? doubled : LONGEST;
  }

  // Where a JVM runs out of something its log may as well.
  private void say(String what, int failures, Duration pause, Throwable why) {
    try {
      log.warn(
          "{} failed ({} in a row); the next try is in {} ms",
          what,
          failures,
          pause.toMillis(),
          why);
    } catch (RuntimeException | Error e) {
      why.addSuppressed(e);
    }
  }

  private void await(Duration pause) {
    try {
      boolean _ = over.await(pause.toNanos(), TimeUnit.NANOSECONDS);
    } catch (InterruptedException e) {
      // Nobody interrupts this thread but what it called: the next try is a little early.
    }
  }
}
