package dev.terrarium.base;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.slf4j.event.Level;

/// What Terrarium says itself: whoever says it neither waits nor fails.
@Timeout(60)
final class LogTest {
  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final String PACKAGE = "dev.terrarium.base";
  private static final Log LOG = Log.of(LogTest.class);

  @Test
  void linesComeInOrderWithTheirFactsAndLevels() {
    try (Lines lines = Lines.of(PACKAGE)) {
      LOG.info("{} of {}", 1, 2);
      LOG.warn("failed", new IllegalStateException("on purpose"));
      LOG.say(Level.ERROR, "%s and %d", "text", 7);
      Log.flush(PATIENCE);
      assertThat(lines.all).containsExactly("INFO 1 of 2", "WARN failed", "ERROR text and 7");
    }
  }

  /// What is lost is said next, on the same backend: that failed as well, was said at once again,
  /// and so on, on a whole processor; and each time the number was forgotten.
  @Test
  void aBackendThatFailsIsToldWhatItMissedOnceItWorks() {
    try (Lines lines = Lines.failing(PACKAGE, 5)) {
      for (String each : List.of("a", "b", "c")) {
        LOG.info("{}", each);
      }
      lines.goOn();
      await().atMost(PATIENCE).until(() -> !lines.all.isEmpty());
      assertThat(lines.all)
          .singleElement()
          .asString()
          .startsWith(
              "WARN 3 lines of Terrarium's own were dropped: the logging backend is too slow");
    }
  }

  /// An appender that stalled held the timer's thread, and with it all deadlines.
  @Test
  void aBackendThatStallsKeepsNobodyWaitingAndIsToldWhatItMissed() throws InterruptedException {
    try (Lines lines = Lines.stalling(PACKAGE)) {
      LOG.info("first");
      lines.stalled.await();
      for (int i = 0; i < LogQueue.LINES_MAX + 25; i++) {
        LOG.info("line {}", i);
      }
      lines.goOn();
      await()
          .atMost(PATIENCE)
          .until(() -> lines.containing("were dropped").equals(List.of(DROPPED)));
      assertThat(lines.all).hasSize(1 + LogQueue.LINES_MAX + 1);
    }
  }

  private static final String DROPPED =
      "WARN 25 lines of Terrarium's own were dropped: the logging backend is too slow or failed, or"
          + " there was no memory for them";

  @Test
  void aFactThatCannotBeToldCostsItsLineAndNothingElse() {
    Object hopeless =
        new Object() {
          @Override
          public String toString() {
            throw new OutOfMemoryError("on purpose");
          }
        };
    try (Lines lines = Lines.of(PACKAGE)) {
      LOG.say(Level.INFO, "%s", hopeless);
      LOG.info("after it");
      await().atMost(PATIENCE).until(() -> lines.containing("1 line of").size() == 1);
      assertThat(lines.all).contains("INFO after it");
    }
  }

  @Test
  void aThreadThatIsStuckInTheBackendIsReportedOnceItGoesOn() throws InterruptedException {
    var watchdog = new Watchdog("test", () -> List.of(), () -> {}, Duration.ofNanos(1));
    try (Lines lines = Lines.stalling(PACKAGE)) {
      LOG.info("first");
      lines.stalled.await();
      watchdog.look();
      watchdog.look();
      lines.goOn();
      await()
          .atMost(PATIENCE)
          .until(() -> !lines.containing("terrarium-log has been busy").isEmpty());
      Log.flush(PATIENCE);
      assertThat(lines.containing("terrarium-log has been busy")).hasSize(1);
    }
  }
}
