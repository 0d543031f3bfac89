package dev.terrarium.worker;

import com.google.errorprone.annotations.FormatMethod;
import com.google.errorprone.annotations.FormatString;
import dev.terrarium.wire.Messages;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/// Brings what workers print and log to slf4j, and what is to be said of them, on a thread of its
/// own: a logging backend that stalls must stall neither the wire nor the workers. What does not
/// fit in the bounded queue is dropped, counted, and said.
///
/// Printed lines go to the logger `dev.terrarium.worker.POOL` at INFO, records of Python's
/// `logging` to `dev.terrarium.worker.POOL.LOGGER` at their own level. Each message begins with the
/// worker's id.
public final class WorkerLog implements AutoCloseable {
  /// How long closing waits for lines that are still queued.
  static final long CLOSE_MILLIS = 500;

  /// Characters that may wait for the backend: lines of Python's `logging` have no length limit.
  static final long CHARS_MAX = 16 << 20;

  private static final String PREFIX = "dev.terrarium.worker.";

  private record Line(String logger, Level level, String text) {}

  private final int capacity;
  private final Deque<Line> queue = new ArrayDeque<>();
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition filled = lock.newCondition();
  private final Thread thread;
  private long chars;
  private long dropped;
  private int deliveredSinceSaid;
  private boolean closed;

  /// @param capacity how many lines may wait for the backend
  public WorkerLog(String run, int capacity) {
    this.capacity = capacity;
    this.thread = Thread.ofPlatform().daemon().name("terrarium-log-" + run).start(this::drain);
  }

  /// Lines that a worker printed. Never blocks.
  void output(String pool, String worker, Messages.Output output) {
    String logger = PREFIX + pool;
    Long lost = output.dropped();
    if (lost != null && lost > 0) {
      String text = worker + ": " + lost + " lines were dropped here";
      offer(new Line(logger, Level.WARN, text), lost);
    }
    String prefix = worker + (output.stream() == Messages.Stream.STDERR ? " stderr: " : ": ");
    for (String line : output.lines()) {
      offer(new Line(logger, Level.INFO, prefix + line), 1);
    }
  }

  /// A line of our own, from a thread that must not wait for the backend. Dropped only where these
  /// alone fill a queue. Never blocks.
  @FormatMethod
  public void say(Logger logger, Level level, @FormatString String format, Object... facts) {
    if (logger.isEnabledForLevel(level)) {
      offer(new Line(logger.getName(), level, format.formatted(facts)), 1, 2 * capacity);
    }
  }

  /// A record of Python's `logging`. Never blocks.
  void record(String pool, String worker, Messages.Log record) {
    boolean root = record.logger().isEmpty() || record.logger().equals("root");
    String logger = root ? "" : "." + record.logger();
    String text = worker + ": " + record.message();
    offer(new Line(PREFIX + pool + logger, level(record.level()), text), 1);
  }

  private static Level level(Messages.LogLevel python) {
    return switch (python) {
      case DEBUG -> Level.DEBUG;
      case INFO -> Level.INFO;
      case WARNING -> Level.WARN;
      case ERROR, CRITICAL -> Level.ERROR;
    };
  }

  private void offer(Line line, long worth) {
    offer(line, worth, capacity);
  }

  private void offer(Line line, long worth, int limit) {
    lock.lock();
    try {
      if (queue.size() >= limit || tooLong(line, limit)) {
        dropped += worth;
      } else {
        queue.add(line);
        chars += line.text.length();
        filled.signal();
      }
    } finally {
      lock.unlock();
    }
  }

  // Under the lock. One enormous line alone is taken.
  private boolean tooLong(Line line, int limit) {
    return limit == capacity && chars > 0 && chars + line.text.length() > CHARS_MAX;
  }

  private void drain() {
    while (true) {
      Line line = next();
      if (line == null) {
        return;
      }
      try {
        LoggerFactory.getLogger(line.logger).atLevel(line.level).log(line.text);
      } catch (RuntimeException e) {
        Logger own = LoggerFactory.getLogger(WorkerLog.class);
        own.warn("The logging backend failed on a line of {}", line.logger, e);
      }
    }
  }

  private @Nullable Line next() {
    lock.lock();
    try {
      while (queue.isEmpty() && dropped == 0 && !closed) {
        filled.awaitUninterruptibly();
      }
      // A backend that is slow for ever never empties the queue, and is to say so all the same.
      if (dropped > 0 && (queue.isEmpty() || deliveredSinceSaid >= capacity)) {
        return sayDropped();
      }
      Line line = queue.poll();
      if (line != null) {
        chars -= line.text.length();
        deliveredSinceSaid++;
      }
      return line;
    } finally {
      lock.unlock();
    }
  }

  // Under the lock.
  private Line sayDropped() {
    String text = dropped + " lines of workers were dropped: the logging backend is too slow";
    dropped = 0;
    deliveredSinceSaid = 0;
    return new Line(WorkerLog.class.getName(), Level.WARN, text);
  }

  /// Lets queued lines out for at most half a second.
  @Override
  public void close() {
    lock.lock();
    try {
      closed = true;
      filled.signalAll();
    } finally {
      lock.unlock();
    }
    try {
      thread.join(CLOSE_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
