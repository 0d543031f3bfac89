package dev.terrarium.base;

import com.google.errorprone.annotations.FormatMethod;
import com.google.errorprone.annotations.FormatString;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.slf4j.event.Level;

/// What a class has to say, on its way to slf4j: through a queue, on a thread of its own. The event
/// loop and the timer must not wait for a logging backend that stalls, so nobody here calls one.
///
/// Never blocks and never throws, also where there is no memory left: what cannot be said is
/// counted, and that is said. The level is looked at when the line is delivered.
public final class Log {
  private static final LogQueue QUEUE = new LogQueue();

  private final String name;

  private Log(String name) {
    this.name = name;
  }

  /// What this class says: under the logger of its name.
  public static Log of(Class<?> source) {
    return new Log(source.getName());
  }

  /// Whoever needs the queue's thread to be there.
  public interface Keeper extends AutoCloseable {
    @Override
    void close();
  }

  /// Keeps the queue's thread until what is returned is closed, which waits for what is queued, for
  /// at most half a second. Without anybody who keeps it the thread comes and goes as needed.
  public static Keeper keep() {
    return QUEUE.keep();
  }

  /// Waits, while somebody keeps the queue's thread, until slf4j has its backend, at most so long.
  /// As long as one thread looks for it, slf4j gives all others a stand-in: a program that casts
  /// its loggers to those of its backend must not meet ours at it.
  public static void awaitBackend(Duration longest) {
    QUEUE.awaitBackend(longest);
  }

  /// Waits until what was said is with the backend, at most so long.
  public static void flush(Duration longest) {
    QUEUE.flush(longest);
  }

  /// Starts the queue's thread where it is needed and not there: none could be made before.
  static void ensure() {
    QUEUE.ensure();
  }

  static @Nullable SteadyThread thread() {
    return QUEUE.thread();
  }

  // Those with few facts need no memory of their callers, who may have none.

  /// Each `{}` is one fact; one exception more comes with its stack trace.
  public void debug(String format, @Nullable Object... facts) {
    QUEUE.offer(name, Level.DEBUG, format, facts);
  }

  /// As [#debug(String, Object...)].
  public void debug(String format, @Nullable Object fact) {
    QUEUE.offer(name, Level.DEBUG, format, fact);
  }

  /// As [#debug(String, Object...)].
  public void debug(String format, @Nullable Object fact, @Nullable Object more) {
    QUEUE.offer(name, Level.DEBUG, format, fact, more);
  }

  /// As [#debug(String, Object...)].
  public void info(String format, @Nullable Object... facts) {
    QUEUE.offer(name, Level.INFO, format, facts);
  }

  /// As [#debug(String, Object...)].
  public void info(String format, @Nullable Object fact) {
    QUEUE.offer(name, Level.INFO, format, fact);
  }

  /// As [#debug(String, Object...)].
  public void info(String format, @Nullable Object fact, @Nullable Object more) {
    QUEUE.offer(name, Level.INFO, format, fact, more);
  }

  /// As [#debug(String, Object...)].
  public void warn(String format, @Nullable Object... facts) {
    QUEUE.offer(name, Level.WARN, format, facts);
  }

  /// As [#debug(String, Object...)].
  public void warn(String format, @Nullable Object fact) {
    QUEUE.offer(name, Level.WARN, format, fact);
  }

  /// As [#debug(String, Object...)].
  public void warn(String format, @Nullable Object fact, @Nullable Object more) {
    QUEUE.offer(name, Level.WARN, format, fact, more);
  }

  /// As [#debug(String, Object...)].
  public void error(String format, @Nullable Object... facts) {
    QUEUE.offer(name, Level.ERROR, format, facts);
  }

  /// As [#debug(String, Object...)].
  public void error(String format, @Nullable Object fact) {
    QUEUE.offer(name, Level.ERROR, format, fact);
  }

  /// As [#debug(String, Object...)].
  public void error(String format, @Nullable Object fact, @Nullable Object more) {
    QUEUE.offer(name, Level.ERROR, format, fact, more);
  }

  /// A line in the manner of [String#format], at a level that is not known before.
  @FormatMethod
  public void say(Level level, @FormatString String format, Object... facts) {
    QUEUE.offer(name, level, () -> format.formatted(facts));
  }
}
