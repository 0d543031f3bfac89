package dev.terrarium.base;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;
import org.slf4j.helpers.FormattingTuple;
import org.slf4j.helpers.MessageFormatter;
import org.slf4j.spi.LoggingEventBuilder;

/// The lines of all [Log]s of this JVM, and the thread that brings them to slf4j. Its own lock.
final class LogQueue {
  /// How many lines may wait for the backend; further ones are counted, and that is said.
  static final int LINES_MAX = 1_000;

  /// How long an end waits for lines that are still queued.
  static final Duration FLUSH = Duration.ofMillis(500);

  /// How long the thread waits for the next line where nobody has kept it. When its last keeper
  /// goes it ends at once.
  private static final long IDLE_MILLIS = 200;

  /// @param worth how many lines are lost with it
  private record Line(
      String logger, Level level, String text, @Nullable Throwable cause, long worth) {}

  @GuardedBy("this")
  private final Deque<Line> lines = new ArrayDeque<>(LINES_MAX);

  @GuardedBy("this")
  private long lost;

  @GuardedBy("this")
  private boolean delivering;

  @GuardedBy("this")
  private boolean bound;

  @GuardedBy("this")
  private int keepers;

  @GuardedBy("this")
  private @Nullable SteadyThread thread;

  void offer(String logger, Level level, String format, @Nullable Object[] facts) {
    try {
      add(logger, level, MessageFormatter.arrayFormat(format, facts));
    } catch (Throwable e) { // no memory: whoever says something must not suffer for it
      lose();
    }
  }

  void offer(String logger, Level level, String format, @Nullable Object fact) {
    try {
      add(logger, level, MessageFormatter.arrayFormat(format, new Object[] {fact}));
    } catch (Throwable e) {
      lose();
    }
  }

  void offer(
      String logger, Level level, String format, @Nullable Object fact, @Nullable Object more) {
    try {
      add(logger, level, MessageFormatter.arrayFormat(format, new Object[] {fact, more}));
    } catch (Throwable e) {
      lose();
    }
  }

  private void add(String logger, Level level, FormattingTuple said) {
    add(new Line(logger, level, String.valueOf(said.getMessage()), said.getThrowable(), 1));
  }

  void offer(String logger, Level level, Supplier<String> text) {
    try {
      add(new Line(logger, level, text.get(), null, 1));
    } catch (Throwable e) {
      lose();
    }
  }

  private void lose() {
    lose(1);
  }

  private synchronized void lose(long lines) {
    lost += lines;
  }

  private synchronized void add(Line line) {
    if (lines.size() >= LINES_MAX) {
      lost++;
    } else {
      lines.add(line);
    }
    ensure();
    notifyAll();
  }

  /// Where no thread can be made the lines wait for the next line, or for a watchdog.
  synchronized void ensure() {
    boolean needed = keepers > 0 || !lines.isEmpty() || lost > 0;
    try {
      if (needed && thread == null) {
        var fresh = new SteadyThread("terrarium-log", this::drain);
        fresh.start();
        thread = fresh;
      } else if (thread != null) {
        boolean _ = thread.ensure();
      }
    } catch (OutOfMemoryError e) {
      // There is neither memory nor, perhaps, a thread to say so.
    }
  }

  synchronized @Nullable SteadyThread thread() {
    return thread;
  }

  Log.Keeper keep() {
    synchronized (this) {
      keepers++;
      ensure();
    }
    var closed = new AtomicBoolean();
    return () -> {
      if (closed.compareAndSet(false, true)) {
        flush(FLUSH);
        release();
      }
    };
  }

  private synchronized void release() {
    keepers--;
    notifyAll();
  }

  synchronized void flush(Duration longest) {
    long end = System.nanoTime() + longest.toNanos();
    boolean waits = true;
    while (waits && thread != null && (delivering || !lines.isEmpty())) {
      waits = pause(end);
    }
  }

  synchronized void awaitBackend(Duration longest) {
    long end = System.nanoTime() + longest.toNanos();
    boolean waits = true;
    while (waits && thread != null && !bound) {
      waits = pause(end);
    }
  }

  /// Waits for news.
  ///
  /// @return false where the time is up
  @SuppressWarnings("WaitNotInLoop") // who calls it loops
  private synchronized boolean pause(long end) {
    long left = (end - System.nanoTime()) / 1_000_000;
    try {
      if (left > 0) {
        wait(left);
      }
      return left > 0;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  private void drain() {
    bind();
    for (Line line = next(); line != null; line = next()) {
      deliver(line);
    }
  }

  /// Has slf4j look for its backend, where nobody has yet.
  private void bind() {
    try {
      var _ = LoggerFactory.getILoggerFactory();
    } catch (Throwable e) {
      lose(); // the next line meets the same
    }
    synchronized (this) {
      bound = true;
      notifyAll();
    }
  }

  /// Waits for it; null where there is none, and nobody who keeps the thread for more.
  private synchronized @Nullable Line next() {
    delivering = false;
    notifyAll();
    while (lines.isEmpty() && lost == 0) {
      try {
        wait(IDLE_MILLIS);
      } catch (InterruptedException e) {
        // By a backend, perhaps; nobody else knows this thread.
      }
      if (keepers == 0 && lines.isEmpty() && lost == 0) {
        thread = null;
        return null;
      }
    }
    delivering = true;
    Line line = lines.poll();
    return line == null ? sayLost() : line;
  }

  @GuardedBy("this")
  private Line sayLost() {
    String text =
        Count.of(
                lost,
                "line of Terrarium's own was dropped",
                "lines of Terrarium's own were dropped")
            + ": the logging backend is too slow or failed, or there was no memory for them";
    Line line = new Line(Log.class.getName(), Level.WARN, text, null, lost);
    lost = 0;
    return line;
  }

  private void deliver(Line line) {
    SteadyThread own = thread();
    try {
      if (own != null) {
        own.busy();
      }
      LoggingEventBuilder event = LoggerFactory.getLogger(line.logger).atLevel(line.level);
      event.setCause(line.cause).log(line.text);
    } catch (Throwable e) { // a backend may do anything, and the next line may be the important one
      lose(line.worth);
      LockSupport.parkNanos(
          SteadyThread.PAUSE.toNanos()); // that is said next, and may fail as well
    } finally {
      if (own != null) {
        own.idle();
      }
    }
  }
}
