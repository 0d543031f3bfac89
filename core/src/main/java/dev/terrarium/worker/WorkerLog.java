package dev.terrarium.worker;

import dev.terrarium.wire.Messages;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/// Brings what workers print and log to slf4j, on a thread of its own: a logging backend that
/// stalls must stall neither the wire nor the workers. What does not fit in the bounded queue is
/// dropped, counted, and said.
///
/// Printed lines go to the logger `dev.terrarium.worker.POOL` at INFO, records of Python's
/// `logging` to `dev.terrarium.worker.POOL.LOGGER` at their own level. Each message begins with the
/// worker's id.
public final class WorkerLog implements AutoCloseable {
  /// How long closing waits for lines that are still queued.
  static final long CLOSE_MILLIS = 500;

  private static final String PREFIX = "dev.terrarium.worker.";

  private record Line(String logger, Level level, String text) {}

  private final int capacity;
  private final Deque<Line> queue = new ArrayDeque<>();
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition filled = lock.newCondition();
  private final Thread thread;
  private long dropped;
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
      offer(new Line(logger, Level.WARN, worker + ": " + lost + " lines were dropped here"));
    }
    String prefix = worker + (output.stream() == Messages.Stream.STDERR ? " stderr: " : ": ");
    for (String line : output.lines()) {
      offer(new Line(logger, Level.INFO, prefix + line));
    }
  }

  /// A record of Python's `logging`. Never blocks.
  void record(String pool, String worker, Messages.Log record) {
    boolean root = record.logger().isEmpty() || record.logger().equals("root");
    String logger = root ? "" : "." + record.logger();
    offer(
        new Line(PREFIX + pool + logger, level(record.level()), worker + ": " + record.message()));
  }

  private static Level level(Messages.LogLevel python) {
    return switch (python) {
      case DEBUG -> Level.DEBUG;
      case INFO -> Level.INFO;
      case WARNING -> Level.WARN;
      case ERROR, CRITICAL -> Level.ERROR;
    };
  }

  private void offer(Line line) {
    lock.lock();
    try {
      if (queue.size() >= capacity) {
        dropped++;
      } else {
        queue.add(line);
        filled.signal();
      }
    } finally {
      lock.unlock();
    }
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
      while (queue.isEmpty()) {
        if (dropped > 0) {
          String text = dropped + " lines of workers were dropped: the logging backend is too slow";
          dropped = 0;
          return new Line(WorkerLog.class.getName(), Level.WARN, text);
        }
        if (closed) {
          return null;
        }
        filled.awaitUninterruptibly();
      }
      return queue.poll();
    } finally {
      lock.unlock();
    }
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
