package dev.terrarium;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.UnsynchronizedAppenderBase;
import dev.terrarium.testkit.Procs.Proc;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;

/// A logging backend that stalls altogether.
@Timeout(120)
final class StalledLogTest {
  @TempDir Path home;

  /// Holds whoever says anything below `dev.terrarium` until it is closed.
  private static final class Staller extends UnsynchronizedAppenderBase<ILoggingEvent>
      implements AutoCloseable {
    private final Logger logger = (Logger) LoggerFactory.getLogger("dev.terrarium");
    private final CountDownLatch goOn = new CountDownLatch(1);
    final CountDownLatch stalled = new CountDownLatch(1);

    Staller() {
      setContext(logger.getLoggerContext());
      start();
      logger.setLevel(Level.INFO);
      logger.setAdditive(false);
      logger.addAppender(this);
    }

    @Override
    protected void append(ILoggingEvent event) {
      stalled.countDown();
      try {
        boolean _ = goOn.await(2, TimeUnit.MINUTES);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }

    @Override
    public void close() {
      goOn.countDown();
      logger.detachAppender(this);
      stop();
      logger.setLevel(null);
      logger.setAdditive(true);
    }
  }

  /// The timer's thread says that the warden is silent, and the keeper's that it is gone: both were
  /// held by the backend, and with them all deadlines and all that was to heal.
  @Test
  void deadlinesAreKeptAndTheWardenIsReplacedWhileTheBackendStalls() throws Exception {
    try (var backend = new Staller();
        Terrarium runtime = Endings.runtime(home);
        Pool pool = Endings.pool(runtime).size(1).cancelGrace(Duration.ofMillis(100)).start()) {
      backend.stalled.await();
      Proc warden = Endings.warden(ProcessHandle.current().pid());
      Endings.stop(warden);
      assertThat(
              Trouble.failure(
                  DeadlineExceededException.class,
                  pool.tool("hold_gil").deadline(Duration.ofMillis(200)).callAsync(Object.class)))
          .isNotNull();
      // The worker cannot be killed as long as the warden is stopped: these wait, and are late.
      for (int i = 0; i < 5; i++) {
        assertThat(
                Trouble.failure(
                    TerrariumException.class,
                    pool.tool("hold_gil").deadline(Duration.ofMillis(200)).callAsync(Object.class)))
            .isNotNull();
      }
      Endings.soon().atMost(Duration.ofSeconds(60)).until(() -> !Endings.lives(warden));
      Endings.soon().atMost(Duration.ofSeconds(60)).until(() -> answers(pool));
    }
  }

  private static boolean answers(Pool pool) {
    try {
      String answer =
          pool.tool("echo").args("x").deadline(Duration.ofSeconds(5)).call(String.class);
      return "x".equals(answer);
    } catch (TerrariumException e) {
      return false;
    }
  }
}
