package dev.terrarium.worker;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.terrarium.base.Count;
import dev.terrarium.base.Log;
import dev.terrarium.base.SteadyThread;
import dev.terrarium.wire.Messages;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;
import org.slf4j.event.Level;

/// Brings what workers print and log to slf4j, on a thread of its own: a logging backend that
/// stalls must stall neither the wire nor the workers. What does not fit in the bounded queue is
/// dropped, counted, and said.
///
/// Printed lines go to the logger `terrarium.python.POOL` at INFO, records of Python's `logging` to
/// `terrarium.python.POOL.LOGGER` at their own level. No logger of Java code begins like that, so
/// no pool's name can collide with one. The MDC says where a line comes from: `pool`, `worker`,
/// `call` for records of a call, `stream` for printed lines, and what a record has as `extra`.
public final class WorkerLog implements AutoCloseable {
  /// How long closing waits for lines that are still queued.
  static final long CLOSE_MILLIS = 500;

  /// Characters that may wait for the backend: lines of Python's `logging` have no length limit.
  static final long CHARS_MAX = 16 << 20;

  private static final String ROOT = "terrarium.python";
  private static final Pattern CONTROL = Pattern.compile("\\p{Cntrl}");

  /// Before a record of Python's `logging` that travels as a line on standard error.
  private static final char RECORD_MARK = '\u001e';

  private static final Log LOG = Log.of(WorkerLog.class);

  private record Line(String logger, Level level, String text, Map<String, String> mdc) {
    Line(String logger, Level level, String text) {
      this(logger, level, text, Map.of());
    }
  }

  private final int capacity;
  private final ReentrantLock lock = new ReentrantLock();

  @GuardedBy("lock")
  private final Deque<Line> queue = new ArrayDeque<>();

  private final Condition filled = lock.newCondition();
  private final LogLevels levels = new LogLevels();
  private final SteadyThread thread;
  private boolean over; // the thread's own

  @GuardedBy("lock")
  private long chars;

  @GuardedBy("lock")
  private long dropped;

  @GuardedBy("lock")
  private int deliveredSinceSaid;

  @GuardedBy("lock")
  private boolean closed;

  /// @param capacity how many lines may wait for the backend
  public WorkerLog(String run, int capacity) {
    this.capacity = capacity;
    this.thread = new SteadyThread("terrarium-python-log-" + run, this::drain);
    thread.start();
  }

  /// The thread, for a watchdog.
  public SteadyThread thread() {
    return thread;
  }

  /// The slf4j logger of a Python logger of this pool; of all of them where that is empty.
  static String loggerName(String pool, String pythonLogger) {
    boolean root = pythonLogger.isEmpty() || pythonLogger.equals("root");
    // A name may be anything in Python, and must not begin a line of its own in a log.
    return ROOT + "." + pool + (root ? "" : "." + CONTROL.matcher(pythonLogger).replaceAll("?"));
  }

  /// Lines that a worker printed, and records among them. Never blocks.
  void output(String pool, String worker, Messages.Output output) {
    String stream = output.stream() == Messages.Stream.STDERR ? "stderr" : "stdout";
    Map<String, String> mdc = Map.of("pool", pool, "worker", worker, "stream", stream);
    String logger = loggerName(pool, "");
    Long lost = output.dropped();
    if (lost != null && lost > 0) {
      String text = Count.of(lost, "line was dropped here", "lines were dropped here");
      offer(new Line(logger, Level.WARN, text, mdc), lost);
    }
    for (String line : output.lines()) {
      int mark = line.indexOf(RECORD_MARK);
      Messages.Log record = mark < 0 ? null : Messages.logLine(line.substring(mark + 1));
      String printed = record == null ? line : line.substring(0, mark);
      if (record == null || !printed.isEmpty()) {
        offer(new Line(logger, Level.INFO, printed, mdc), 1);
      }
      if (record != null) {
        record(pool, worker, 0, record);
      }
    }
  }

  /// What was printed, with the records among it as people read them.
  static String readable(String printed) {
    if (printed.indexOf(RECORD_MARK) < 0) {
      return printed;
    }
    return printed.lines().map(WorkerLog::readableLine).collect(Collectors.joining("\n"));
  }

  private static String readableLine(String line) {
    int mark = line.indexOf(RECORD_MARK);
    Messages.Log record = mark < 0 ? null : Messages.logLine(line.substring(mark + 1));
    return record == null
        ? line
        : "%s%s %s: %s"
            .formatted(line.substring(0, mark), record.level(), record.logger(), record.message());
  }

  /// A record of Python's `logging`. Never blocks.
  ///
  /// @param call 0 where it belongs to none
  void record(String pool, String worker, long call, Messages.Log record) {
    Map<String, String> mdc = new HashMap<>(record.extra());
    mdc.put("pool", pool);
    mdc.put("worker", worker);
    if (call != 0) {
      mdc.put("call", Long.toString(call));
    }
    String logger = loggerName(pool, record.logger());
    offer(new Line(logger, level(record.level()), record.message(), mdc), 1);
  }

  /// A pool is about to start its first worker: asks for its level, on the caller's thread.
  public void begins(String pool) {
    levels.begins(pool);
  }

  /// The lowest level that is wanted of a pool's loggers, as Python counts. Never asks the backend.
  int levelOf(String pool) {
    return levels.ofPool(pool);
  }

  /// A worker has these loggers, and is told their levels from now on. Never blocks.
  void announced(String pool, LogLevels.Listener worker, List<String> loggers) {
    levels.announced(pool, worker, loggers);
    wake();
  }

  /// Ends that.
  void gone(String pool, LogLevels.Listener worker) {
    levels.gone(pool, worker);
    wake();
  }

  private void wake() {
    lock.lock();
    try {
      filled.signal();
    } finally {
      lock.unlock();
    }
  }

  private static Level level(Messages.LogLevel python) {
    return switch (python) {
      case TRACE -> Level.TRACE;
      case DEBUG -> Level.DEBUG;
      case INFO -> Level.INFO;
      case WARNING -> Level.WARN;
      case ERROR, CRITICAL -> Level.ERROR;
    };
  }

  private void offer(Line line, long worth) {
    lock.lock();
    try {
      if (queue.size() >= capacity || tooLong(line)) {
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

  // One enormous line alone is taken.
  @GuardedBy("lock")
  private boolean tooLong(Line line) {
    return chars > 0 && chars + line.text.length() > CHARS_MAX;
  }

  private void drain() {
    while (!over) {
      Line line = next();
      thread.busy();
      try {
        if (line != null) {
          deliver(line);
        }
        levels.look();
      } catch (Throwable e) { // a backend may do anything, and have no memory left to do it with
        thread.recover(e);
      } finally {
        thread.idle();
      }
    }
  }

  private static void deliver(Line line) {
    MDC.setContextMap(line.mdc);
    try {
      LoggerFactory.getLogger(line.logger).atLevel(line.level).log(line.text);
    } finally {
      MDC.clear();
    }
  }

  /// Null where there is none, but perhaps something else to do.
  private @Nullable Line next() {
    lock.lock();
    try {
      awaitWork();
      // A backend that is slow for ever never empties the queue, and is to say so all the same.
      if (dropped > 0 && (queue.isEmpty() || deliveredSinceSaid >= capacity)) {
        return sayDropped();
      }
      Line line = queue.poll();
      if (line != null) {
        chars -= line.text.length();
        deliveredSinceSaid++;
      }
      over = line == null && closed;
      return line;
    } finally {
      lock.unlock();
    }
  }

  @GuardedBy("lock")
  private void awaitWork() {
    try {
      long nanos = levels.nanosUntilLook();
      while (queue.isEmpty() && dropped == 0 && !closed && nanos > 0) {
        long _ = filled.awaitNanos(nanos);
        nanos = levels.nanosUntilLook();
      }
    } catch (InterruptedException e) {
      LOG.debug("The logging backend left an interrupt behind", e);
    }
  }

  @GuardedBy("lock")
  private Line sayDropped() {
    String text =
        Count.of(dropped, "line of workers was dropped", "lines of workers were dropped")
            + ": the logging backend is too slow";
    dropped = 0;
    deliveredSinceSaid = 0;
    return new Line(ROOT, Level.WARN, text);
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
      boolean _ = thread.join(Duration.ofMillis(CLOSE_MILLIS));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
