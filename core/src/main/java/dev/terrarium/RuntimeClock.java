package dev.terrarium;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.terrarium.base.Clock;
import dev.terrarium.base.Durations;
import dev.terrarium.base.Log;
import dev.terrarium.base.SteadyThread;
import java.time.Duration;
import java.time.Instant;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// The system's time, and the runtime's one thread for alarms.
///
/// Nearly all alarms are the deadlines of calls that end long before, so setting one and calling it
/// off is what has to cost little. The thread wakes up only for an alarm that is due before all
/// that it waits for already; one that is called off leaves it asleep, and it wakes up at that time
/// once for nothing.
///
/// A task for which there was no memory runs again, until there is: it may be the only one that
/// still knows of a caller. To remember it takes no memory.
final class RuntimeClock implements Clock, AutoCloseable {
  /// How long a task waits that ran out of memory.
  static final Duration AGAIN_AFTER = Duration.ofMillis(50);

  private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(1);
  private static final long NEVER = Long.MAX_VALUE;
  private static final Log LOG = Log.of(RuntimeClock.class);

  private final SteadyThread thread;
  private final long epoch = System.nanoTime();

  /// Their own lock, which guards all below, too.
  private final TreeSet<Entry> entries = new TreeSet<>();

  /// Those that run again, in the order in which they are due.
  @GuardedBy("entries")
  private @Nullable Entry firstAgain;

  @GuardedBy("entries")
  private @Nullable Entry lastAgain;

  @GuardedBy("entries")
  private long entered;

  /// The thread sleeps no longer than this. INVARIANT while it sleeps: no entry is due before.
  @GuardedBy("entries")
  private long wakesAt = NEVER;

  @GuardedBy("entries")
  private boolean closed;

  RuntimeClock(String run) {
    thread = new SteadyThread("terrarium-timer-" + run, this::run);
    thread.start();
  }

  SteadyThread thread() {
    return thread;
  }

  @Override
  public Alarm after(Duration delay, Runnable task) {
    long due = now() + Math.max(0, Durations.nanos(delay));
    synchronized (entries) {
      if (closed) {
        return () -> {}; // the runtime has ended, and with it everything that could be late
      }
      var entry = new Entry(due, ++entered, task);
      entries.add(entry);
      wakeBy(due);
      return entry;
    }
  }

  @GuardedBy("entries")
  private void wakeBy(long due) {
    if (due < wakesAt) {
      wakesAt = due;
      entries.notifyAll();
    }
  }

  @Override
  public Instant instant() {
    return Instant.now();
  }

  @Override
  public long nanos() {
    return System.nanoTime();
  }

  /// Since the clock was made.
  private long now() {
    return System.nanoTime() - epoch;
  }

  private void run() {
    for (Entry due = next(); due != null; due = next()) {
      thread.busy();
      run(due);
      thread.idle();
    }
  }

  private void run(Entry due) {
    try {
      due.task.run();
    } catch (VirtualMachineError e) {
      again(due);
      thread.recover(e);
    } catch (Throwable e) {
      LOG.error("A timed task failed", e);
    }
  }

  /// Also where it was called off meanwhile: it has not done all that it was to do, perhaps not
  /// even what it called itself off after.
  private void again(Entry entry) {
    synchronized (entries) {
      if (closed) {
        return;
      }
      entry.calledOff = false;
      entry.due = now() + AGAIN_AFTER.toNanos();
      if (lastAgain == null) {
        firstAgain = entry;
      } else {
        lastAgain.following = entry;
      }
      lastAgain = entry;
    }
  }

  /// Waits for it; null where there will be no more.
  private @Nullable Entry next() {
    synchronized (entries) {
      while (!closed) {
        long now = now();
        Entry repeated = firstAgain;
        Entry first = entries.isEmpty() ? null : entries.first();
        if (repeated != null && repeated.calledOff) {
          forgetFirstAgain(repeated);
          continue;
        }
        // Whichever is due before the other: those that run again must not starve the rest.
        if (first != null && first.due <= now && (repeated == null || first.due <= repeated.due)) {
          return entries.pollFirst();
        }
        if (repeated != null && repeated.due <= now) {
          forgetFirstAgain(repeated);
          return repeated;
        }
        if (wakesAt <= now) {
          wakesAt = first == null ? NEVER : first.due;
        }
        long until = repeated == null ? wakesAt : Math.min(wakesAt, repeated.due);
        sleep(until - now);
      }
      return null;
    }
  }

  @GuardedBy("entries")
  private void forgetFirstAgain(Entry first) {
    firstAgain = first.following;
    first.following = null;
    if (firstAgain == null) {
      lastAgain = null;
    }
  }

  /// Leaves the lock meanwhile. May return early.
  @GuardedBy("entries")
  private void sleep(long nanos) {
    try {
      entries.wait(TimeUnit.NANOSECONDS.toMillis(nanos) + 1); // rounded up: too early is twice
    } catch (InterruptedException e) {
      LOG.debug("A timed task left an interrupt behind", e);
    }
  }

  /// Nothing is due any more. Waits for a task that runs, at most a second.
  @Override
  public void close() {
    synchronized (entries) {
      closed = true;
      entries.clear();
      firstAgain = null;
      lastAgain = null;
      entries.notifyAll();
    }
    try {
      boolean _ = thread.join(CLOSE_TIMEOUT);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private final class Entry implements Alarm, Comparable<Entry> {
    private final long number;
    private final Runnable task;

    /// Not changed while it is among the entries.
    private long due;

    private boolean calledOff;
    private @Nullable Entry following;

    Entry(long due, long number, Runnable task) {
      this.due = due;
      this.number = number;
      this.task = task;
    }

    @Override
    public void cancel() {
      synchronized (entries) {
        calledOff = true;
        entries.remove(this);
      }
    }

    @Override
    public int compareTo(Entry other) {
      int byTime = Long.compare(due, other.due);
      return byTime == 0 ? Long.compare(number, other.number) : byTime;
    }
  }
}
