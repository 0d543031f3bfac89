package dev.terrarium;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.Appender;
import ch.qos.logback.core.UnsynchronizedAppenderBase;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.slf4j.LoggerFactory;

/// A logging backend that stalls with its first line until it is told to go on. It counts the lines
/// of the pool `trouble`, and what it is told was dropped.
final class StallingLog implements AutoCloseable {
  private static final Pattern DROPPED =
      Pattern.compile("(\\d+) lines? (of workers )?(was|were) dropped");

  final AtomicLong delivered = new AtomicLong();
  final AtomicLong dropped = new AtomicLong();
  final CountDownLatch stalled = new CountDownLatch(1);
  private final CountDownLatch goOn = new CountDownLatch(1);
  private final List<Logger> loggers =
      Stream.of("dev.terrarium.worker", "terrarium.python")
          .map(name -> (Logger) LoggerFactory.getLogger(name))
          .toList();
  private final Appender<ILoggingEvent> appender = new Staller();

  StallingLog() {
    appender.setContext(loggers.getFirst().getLoggerContext());
    appender.start();
    for (Logger logger : loggers) {
      logger.setLevel(Level.INFO);
      logger.setAdditive(false);
      logger.addAppender(appender);
    }
  }

  void goOn() {
    goOn.countDown();
  }

  @Override
  public void close() {
    goOn();
    for (Logger logger : loggers) {
      logger.detachAppender(appender);
      logger.setLevel(null);
      logger.setAdditive(true);
    }
    appender.stop();
  }

  private final class Staller extends UnsynchronizedAppenderBase<ILoggingEvent> {
    @Override
    protected void append(ILoggingEvent event) {
      Matcher notice = DROPPED.matcher(event.getFormattedMessage());
      if (notice.find()) {
        dropped.addAndGet(Long.parseLong(notice.group(1)));
      } else if (event.getLoggerName().endsWith(".trouble")) {
        delivered.incrementAndGet();
      }
      stalled.countDown();
      awaitGoOn();
    }

    private void awaitGoOn() {
      try {
        goOn.await();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
