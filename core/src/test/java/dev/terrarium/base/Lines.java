package dev.terrarium.base;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.UnsynchronizedAppenderBase;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import org.slf4j.LoggerFactory;

/// A backend for what is said below one logger, which lets nothing through until it is told to.
final class Lines extends UnsynchronizedAppenderBase<ILoggingEvent> implements AutoCloseable {
  final ConcurrentLinkedQueue<String> all = new ConcurrentLinkedQueue<>();
  final CountDownLatch stalled = new CountDownLatch(1);
  private final CountDownLatch goOn = new CountDownLatch(1);
  private final Logger logger;

  private Lines(String name) {
    logger = (Logger) LoggerFactory.getLogger(name);
    setContext(logger.getLoggerContext());
    start();
    logger.setLevel(Level.DEBUG);
    logger.setAdditive(false);
    logger.addAppender(this);
  }

  /// One that stalls with its first line.
  static Lines stalling(String name) {
    return new Lines(name);
  }

  static Lines of(String name) {
    var lines = new Lines(name);
    lines.goOn();
    return lines;
  }

  void goOn() {
    goOn.countDown();
  }

  List<String> containing(String text) {
    return all.stream().filter(line -> line.contains(text)).toList();
  }

  @Override
  protected void append(ILoggingEvent event) {
    stalled.countDown();
    boolean interrupted = false;
    while (goOn.getCount() > 0) {
      try {
        goOn.await();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    all.add(event.getLevel() + " " + event.getFormattedMessage());
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void close() {
    goOn();
    logger.detachAppender(this);
    stop();
    logger.setLevel(null);
    logger.setAdditive(true);
  }
}
