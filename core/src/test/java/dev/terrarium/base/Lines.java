package dev.terrarium.base;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.UnsynchronizedAppenderBase;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.LoggerFactory;

/// A backend for what is said below one logger, which lets nothing through until it is told to.
final class Lines extends UnsynchronizedAppenderBase<ILoggingEvent> implements AutoCloseable {
  final ConcurrentLinkedQueue<String> all = new ConcurrentLinkedQueue<>();
  final CountDownLatch stalled = new CountDownLatch(1);
  private final CountDownLatch goOn = new CountDownLatch(1);
  private final Logger logger;
  private final AtomicInteger failures;

  private Lines(String name, int failures) {
    this.failures = new AtomicInteger(failures);
    logger = (Logger) LoggerFactory.getLogger(name);
    setContext(logger.getLoggerContext());
    start();
    logger.setLevel(Level.DEBUG);
    logger.setAdditive(false);
    logger.addAppender(this);
  }

  /// One that stalls with its first line.
  static Lines stalling(String name) {
    return new Lines(name, 0);
  }

  /// One that stalls with its first line, and fails then.
  ///
  /// @param failures how often
  static Lines failing(String name, int failures) {
    return new Lines(name, failures);
  }

  static Lines of(String name) {
    var lines = new Lines(name, 0);
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
    if (failures.getAndDecrement() > 0) {
      throw new NoClassDefFoundError("a class of the backend's");
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
