package dev.terrarium.base;

import java.time.Duration;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/// A thread that everything depends on: whatever its work throws, an [OutOfMemoryError] included,
/// it begins the work anew. Should the thread itself end, a [Watchdog] replaces it.
///
/// The work keeps its state outside, so that beginning anew loses nothing; it returns when it is
/// over.
public final class SteadyThread {
  /// How long it waits before it begins anew: what was missing is rarely there at once.
  public static final Duration PAUSE = Duration.ofMillis(10);

  private static final long PAUSE_NANOS = PAUSE.toNanos();
  private static final long SAY_NANOS = TimeUnit.SECONDS.toNanos(1);
  private static final Log LOG = Log.of(SteadyThread.class);

  private final String name;
  private final Runnable work;
  private final ThreadFactory maker;
  private volatile boolean over;
  private volatile @Nullable Thread thread;
  private volatile long busySince; // of the nanosecond clock; 0: it is not
  private long saidAt = System.nanoTime() - SAY_NANOS;

  public SteadyThread(String name, Runnable work) {
    this(name, work, Thread.ofPlatform().daemon().name(name)::unstarted);
  }

  SteadyThread(String name, Runnable work, ThreadFactory maker) {
    this.name = name;
    this.work = work;
    this.maker = maker;
  }

  public String name() {
    return name;
  }

  /// Starts it, as a daemon. To be called once.
  public void start() {
    Thread last = thread;
    Thread fresh = maker.newThread(this::run);
    thread = fresh;
    try {
      fresh.start();
    } catch (
        OutOfMemoryError e) { // no thread can be made: whoever tries again is to find the last one
      thread = last;
      throw e;
    }
  }

  private void run() {
    while (!over) {
      try {
        work.run();
        over = true;
      } catch (Throwable e) {
        recover(e);
      }
    }
  }

  /// To be called by work that catches what it throws itself: pauses, and says what happened, once
  /// a second. Needs no memory.
  public void recover(Throwable why) {
    try {
      LockSupport.parkNanos(PAUSE_NANOS);
      boolean _ = Thread.interrupted(); // with which nothing would wait any more
      long now = System.nanoTime();
      if (now - saidAt >= SAY_NANOS) {
        saidAt = now;
        LOG.error("{} goes on after an error", name, why);
      }
    } catch (Throwable e) {
      // It goes on all the same.
    }
  }

  /// Replaces a thread that has ended before its work was over.
  ///
  /// @return whether that was so
  public boolean ensure() {
    Thread last = thread;
    if (over || last == null || last.isAlive() || last.getState() == Thread.State.NEW) {
      return false;
    }
    start();
    return true;
  }

  /// Something begins that should not take long.
  public void busy() {
    busySince = System.nanoTime() | 1;
  }

  /// It is over.
  public void idle() {
    busySince = 0;
  }

  /// For how long it has been busy with one thing.
  Duration busyFor() {
    long since = busySince;
    return since == 0 ? Duration.ZERO : Duration.ofNanos(System.nanoTime() - since);
  }

  /// Where it is.
  StackTraceElement[] stack() {
    Thread now = thread;
    return now == null ? new StackTraceElement[0] : now.getStackTrace();
  }

  public boolean isCurrent() {
    return Thread.currentThread().equals(thread);
  }

  /// Interrupts what it does now.
  public void interrupt() {
    Thread now = thread;
    if (now != null) {
      now.interrupt();
    }
  }

  /// Waits for its end, at most so long.
  ///
  /// @return whether it has ended; true where it was never started
  public boolean join(Duration longest) throws InterruptedException {
    Thread now = thread;
    return now == null || now.getState() == Thread.State.NEW || now.join(longest);
  }
}
