package dev.terrarium.base;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// Looks once a second after the threads that everything depends on: replaces one that has ended,
/// and reports one that has been busy with one thing for ten. Then lets others mend what was left
/// half-done where memory or threads ran out.
///
/// None of this should ever find anything; it is there for what nobody thought of.
public final class Watchdog implements AutoCloseable {
  /// How often it looks.
  static final Duration INTERVAL = Duration.ofSeconds(1);

  /// How long a thread may be busy with one thing before that is reported, once.
  static final Duration BUSY_MAX = Duration.ofSeconds(10);

  private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(1);
  private static final Log LOG = Log.of(Watchdog.class);

  private final Supplier<List<SteadyThread>> watched;
  private final Runnable mend;
  private final Duration busyMax;
  private final SteadyThread thread;
  private final Set<SteadyThread> reported = new HashSet<>();

  @GuardedBy("this")
  private boolean closed;

  /// @param watched who is looked after; asked each time, must not block
  /// @param mend what else is done each time, on the same thread; must not block
  public Watchdog(String run, Supplier<List<SteadyThread>> watched, Runnable mend) {
    this(run, watched, mend, BUSY_MAX);
  }

  Watchdog(String run, Supplier<List<SteadyThread>> watched, Runnable mend, Duration busyMax) {
    this.watched = watched;
    this.mend = mend;
    this.busyMax = busyMax;
    this.thread = new SteadyThread("terrarium-watchdog-" + run, this::keepLooking);
  }

  public void start() {
    thread.start();
  }

  /// Should its own thread have ended, that is replaced.
  public void ensure() {
    replaceIfDead(thread);
  }

  private void keepLooking() {
    while (awaitNext()) {
      look();
    }
  }

  private synchronized boolean awaitNext() {
    long end = System.nanoTime() + INTERVAL.toNanos();
    for (long left = INTERVAL.toMillis(); !closed && left > 0; left = millisTo(end)) {
      try {
        wait(left);
      } catch (InterruptedException e) {
        LOG.debug("Nobody interrupts this thread but what it called", e);
      }
    }
    return !closed;
  }

  private static long millisTo(long end) {
    return TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime());
  }

  /// One look, by the caller's thread; for tests.
  void look() {
    Log.ensure();
    for (SteadyThread each : watched.get()) {
      replaceIfDead(each);
      reportIfBusy(each);
    }
    reportIfBusy(Log.thread()); // when the backend goes on, it tells why it had been silent
    mend.run();
  }

  private static void replaceIfDead(SteadyThread each) {
    try {
      if (each.ensure()) {
        LOG.error("{} had ended; another takes its place", each.name());
      }
    } catch (OutOfMemoryError e) {
      LOG.error("{} has ended, and no thread can be made in its place", each.name(), e);
    }
  }

  private void reportIfBusy(@Nullable SteadyThread each) {
    if (each == null) {
      return;
    }
    Duration busy = each.busyFor();
    if (busy.compareTo(busyMax) < 0) {
      reported.remove(each);
    } else if (reported.add(each)) {
      var where = new Throwable("it is here");
      where.setStackTrace(each.stack());
      LOG.warn("{} has been busy with one thing for {} ms", each.name(), busy.toMillis(), where);
    }
  }

  @Override
  public void close() {
    synchronized (this) {
      closed = true;
      notifyAll();
    }
    try {
      if (!thread.join(CLOSE_TIMEOUT)) {
        LOG.warn("{} did not end within {}", thread.name(), CLOSE_TIMEOUT);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
