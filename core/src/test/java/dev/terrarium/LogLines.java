package dev.terrarium;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.Appender;
import ch.qos.logback.core.AppenderBase;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.Stream;
import org.slf4j.LoggerFactory;

/// What is logged below some loggers at INFO and above, kept instead of printed.
final class LogLines implements AutoCloseable {
  private final List<Logger> loggers;
  private final Queue<String> lines = new ConcurrentLinkedQueue<>();
  private final Appender<ILoggingEvent> appender;

  private LogLines(String... names) {
    loggers = Stream.of(names).map(name -> (Logger) LoggerFactory.getLogger(name)).toList();
    appender = new Keeper();
    appender.setContext(loggers.getFirst().getLoggerContext());
    appender.start();
    for (Logger logger : loggers) {
      logger.setLevel(Level.INFO);
      logger.setAdditive(false);
      logger.addAppender(appender);
    }
  }

  static LogLines of(String name) {
    return new LogLines(name);
  }

  /// What is said of workers, and what they say themselves.
  static LogLines ofWorkers() {
    return new LogLines("dev.terrarium", "terrarium.python");
  }

  /// `LEVEL message`, in order; `LEVEL stderr: line` for what was printed there.
  List<String> all() {
    return List.copyOf(lines);
  }

  List<String> containing(String text) {
    return lines.stream().filter(line -> line.contains(text)).toList();
  }

  @Override
  public void close() {
    for (Logger logger : loggers) {
      logger.detachAppender(appender);
      logger.setLevel(null);
      logger.setAdditive(true);
    }
    appender.stop();
  }

  private final class Keeper extends AppenderBase<ILoggingEvent> {
    @Override
    protected void append(ILoggingEvent event) {
      boolean error = "stderr".equals(event.getMDCPropertyMap().get("stream"));
      lines.add(event.getLevel() + (error ? " stderr: " : " ") + event.getFormattedMessage());
    }
  }
}
