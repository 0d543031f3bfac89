package dev.terrarium.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.Appender;
import ch.qos.logback.core.UnsynchronizedAppenderBase;
import dev.terrarium.wire.Messages;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Semaphore;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.slf4j.LoggerFactory;

@Timeout(90)
final class WorkerLogTest {
  private final Logger logger = (Logger) LoggerFactory.getLogger("terrarium.python");
  private final Queue<String> taken = new ConcurrentLinkedQueue<>();
  private final Semaphore allowed = new Semaphore(0);
  private final Appender<ILoggingEvent> backend = new Slow();

  private final class Slow extends UnsynchronizedAppenderBase<ILoggingEvent> {
    @Override
    protected void append(ILoggingEvent event) {
      taken.add(event.getFormattedMessage());
      allowed.acquireUninterruptibly();
    }
  }

  @BeforeEach
  void listen() {
    backend.setContext(logger.getLoggerContext());
    backend.start();
    logger.setLevel(Level.INFO);
    logger.setAdditive(false);
    logger.addAppender(backend);
  }

  @AfterEach
  void stopListening() {
    logger.detachAppender(backend);
    backend.stop();
    logger.setLevel(null);
    logger.setAdditive(true);
  }

  @Test
  void aNameThatIsAnythingInPythonIsOnOneLineInALog() {
    assertThat(WorkerLog.loggerName("p", "evil\nERROR forged"))
        .isEqualTo("terrarium.python.p.evil?ERROR forged");
  }

  @Test
  void aNoticeOfLostLinesThatIsLostItselfIsCountedAsThoseLines() {
    try (var log = new WorkerLog("test", 2)) {
      fill(log, "a", "b", "c");
      log.output("p", "p-1", new Messages.Output(Messages.Stream.STDOUT, List.of("d"), 40L));
      allowed.release(100);
      await().until(() -> taken.size() == 4);
      assertThat(taken)
          .contains("41 lines of workers were dropped: the logging backend is too slow");
    }
  }

  @Test
  void aBackendThatIsSlowForEverIsToldAllTheSame() {
    try (var log = new WorkerLog("test", 2)) {
      fill(log, "a", "b", "c");
      for (int line = 1; line <= 10; line++) {
        print(log, "lost or not");
        print(log, "lost or not");
        int seen = taken.size();
        allowed.release();
        await().until(() -> taken.size() > seen);
      }
      assertThat(taken).anyMatch(line -> line.contains("were dropped"));
      allowed.release(100);
    }
  }

  @Test
  void aFewEnormousLinesFillTheQueueAsWell() {
    String enormous = "x".repeat((int) (WorkerLog.CHARS_MAX / 2) + 1);
    try (var log = new WorkerLog("test", 1_000)) {
      fill(log, "a", enormous);
      print(log, enormous);
      print(log, "short");
      allowed.release(100);
      await().until(() -> taken.size() == 4);
      assertThat(taken).filteredOn(line -> line.contains(enormous)).hasSize(1);
      assertThat(taken).last().asString().startsWith("1 line of workers was dropped");
    }
  }

  /// The first line is with the backend, which keeps it; the others are in the queue.
  private void fill(WorkerLog log, String first, String... others) {
    print(log, first);
    await().until(() -> taken.size() == 1);
    List.of(others).forEach(line -> print(log, line));
  }

  private static void print(WorkerLog log, String line) {
    log.output("p", "p-1", new Messages.Output(Messages.Stream.STDOUT, List.of(line), 0L));
  }
}
