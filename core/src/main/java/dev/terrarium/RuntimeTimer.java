package dev.terrarium;

import dev.terrarium.worker.Durations;
import dev.terrarium.worker.Timer;
import java.time.Duration;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The runtime's one timer thread.
///
/// Nearly all alarms are the deadlines of calls that end long before, so setting one and calling it
/// off is what has to cost little. The thread wakes up only for an alarm that is due before all
/// that it waits for already; one that is called off leaves it asleep, and it wakes up at that time
/// once for nothing.
final class RuntimeTimer implements Timer, AutoCloseable {
  private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(1);
  private static final long NEVER = Long.MAX_VALUE;
  private static final Logger LOG = LoggerFactory.getLogger(RuntimeTimer.class);

  private final Thread thread;
  private final long epoch = System.nanoTime();

  /// Their own lock, which guards all below, too.
  private final TreeSet<Entry> entries = new TreeSet<>();

  private long entered;

  /// The thread sleeps no longer than this. INVARIANT while it sleeps: no entry is due before.
  private long wakesAt = NEVER;

  private boolean closed;

  RuntimeTimer(String run) {
    thread = Thread.ofPlatform().daemon().name("terrarium-timer-" + run).start(this::run);
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
      if (due < wakesAt) {
        wakesAt = due;
        entries.notifyAll();
      }
      return entry;
    }
  }

  /// Since the timer was made.
  private long now() {
    return System.nanoTime() - epoch;
  }

  private void run() {
    for (Entry due = next(); due != null; due = next()) {
      guarded(due.task);
    }
  }

  /// Waits for it; null where there will be no more.
  private @Nullable Entry next() {
    synchronized (entries) {
      while (!closed) {
        Entry first = entries.isEmpty() ? null : entries.first();
        long now = now();
        if (first != null && first.due <= now) {
          return entries.pollFirst();
        }
        if (wakesAt <= now) {
          wakesAt = first == null ? NEVER : first.due;
        }
        sleep(wakesAt - now);
      }
      return null;
    }
  }

  /// Under the lock, which it leaves meanwhile. May return early.
  private void sleep(long nanos) {
    try {
      entries.wait(nanos / 1_000_000 + 1); // rounded up: too early would mean twice
    } catch (InterruptedException e) {
      LOG.debug("A timed task left an interrupt behind", e);
    }
  }

  private static void guarded(Runnable task) {
    try {
      task.run();
    } catch (RuntimeException e) {
      LOG.error("A timed task failed", e);
    }
  }

  /// Nothing is due any more. Waits for a task that runs, at most a second.
  @Override
  public void close() {
    synchronized (entries) {
      closed = true;
      entries.clear();
      entries.notifyAll();
    }
    try {
      thread.join(CLOSE_TIMEOUT);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private final class Entry implements Alarm, Comparable<Entry> {
    private final long due;
    private final long number;
    private final Runnable task;

    Entry(long due, long number, Runnable task) {
      this.due = due;
      this.number = number;
      this.task = task;
    }

    @Override
    public void cancel() {
      synchronized (entries) {
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
