package dev.terrarium;

import static dev.terrarium.Endings.soon;
import static dev.terrarium.Trouble.failure;
import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.slf4j.LoggerFactory;

/// What Python logs arrives in slf4j as if it had been logged there: each record once, at its
/// level, with its logger, and only if somebody wants it. A forked worker used to deliver its
/// warnings twice, the second time at INFO, and its infos never.
@Timeout(90)
final class PythonLoggingTest {
  private static final String POOL = "terrarium.python.talker";
  private static final String ADAPTER =
      """
      import logging, os
      from terrarium import on_start, tool
      CONFIGURATION
      log = logging.getLogger("acme.model")
      log.warning("of the import")

      @on_start
      def start():
          log.warning("of the start")

      @tool
      def talk() -> None:
          log.debug("debug")
          log.info("info", extra={"order": 7})
          log.warning("warning")
          print("printed", flush=True)

      @tool
      def enabled() -> bool:
          return log.isEnabledFor(logging.WARNING)

      @tool
      def leave() -> None:
          if os.fork() == 0:
              log.error("of a child")
              os._exit(0)
          os.wait()
          os._exit(3)
      """;

  private final Logger logger = (Logger) LoggerFactory.getLogger(POOL);
  private final Logger ofModel = (Logger) LoggerFactory.getLogger(POOL + ".acme.model");
  private final Queue<ILoggingEvent> events = new ConcurrentLinkedQueue<>();
  private final Keeper keeper = new Keeper();

  @TempDir Path directory;

  private final class Keeper extends AppenderBase<ILoggingEvent> {
    @Override
    protected void append(ILoggingEvent event) {
      event.prepareForDeferredProcessing(); // the MDC is that of this moment
      events.add(event);
    }
  }

  @BeforeEach
  void listen() {
    keeper.setContext(logger.getLoggerContext());
    keeper.start();
    logger.setLevel(Level.INFO);
    logger.setAdditive(false);
    logger.addAppender(keeper);
  }

  @AfterEach
  void stopListening() {
    logger.detachAppender(keeper);
    keeper.stop();
    List.of(logger, ofModel).forEach(each -> each.setLevel(null));
    logger.setAdditive(true);
  }

  private Pool start(Start way, String configuration) {
    return Trouble.pool(directory, ADAPTER.replace("CONFIGURATION", configuration))
        .name("talker")
        .size(1)
        .start(way)
        .start();
  }

  private static void talk(Pool pool) {
    var _ = pool.tool("talk").call(Object.class);
  }

  /// `LEVEL logger: message`, without what they have in common.
  private List<String> said() {
    return events.stream()
        .map(
            event ->
                "%s %s: %s"
                    .formatted(
                        event.getLevel(),
                        event.getLoggerName().substring(POOL.length()),
                        event.getFormattedMessage()))
        .toList();
  }

  private Map<String, String> mdc(String message) {
    return events.stream()
        .filter(event -> event.getFormattedMessage().equals(message))
        .findFirst()
        .orElseThrow()
        .getMDCPropertyMap();
  }

  @ParameterizedTest
  @EnumSource(Start.class)
  void eachRecordIsOneLineAndTheMdcSaysWhereItComesFrom(Start way) {
    try (Pool pool = start(way, "")) {
      talk(pool);
      soon().until(() -> events.size() >= 5);
      talk(pool);
      soon().until(() -> events.size() >= 8);
      assertThat(said())
          .containsExactlyInAnyOrder(
              "WARN .acme.model: of the import",
              "WARN .acme.model: of the start",
              "INFO .acme.model: info",
              "WARN .acme.model: warning",
              "INFO : printed",
              "INFO .acme.model: info",
              "WARN .acme.model: warning",
              "INFO : printed");
      assertThat(mdc("info"))
          .containsEntry("order", "7")
          .containsEntry("pool", "talker")
          .containsEntry("worker", "talker-1")
          .containsKey("call");
      assertThat(mdc("printed"))
          .isEqualTo(Map.of("pool", "talker", "worker", "talker-1", "stream", "stdout"));
      assertThat(mdc("of the start")).containsEntry("worker", "talker-1").doesNotContainKey("call");
    }
  }

  @ParameterizedTest
  @EnumSource(Start.class)
  void aConfigurationOfTheAdaptersOwnDoesNotDoubleALine(Start way) {
    String configuration = "logging.basicConfig(level=logging.DEBUG, force=True)";
    try (Pool pool = start(way, configuration)) {
      talk(pool);
      soon().until(() -> said().contains("INFO : printed"));
      talk(pool);
      soon().until(() -> events.size() >= 8);
      assertThat(said()).filteredOn(line -> line.endsWith(": info")).hasSize(2);
      assertThat(said()).filteredOn(line -> line.contains("debug")).isEmpty();
      assertThat(events).hasSize(8);
    }
  }

  @ParameterizedTest
  @EnumSource(Start.class)
  void levelsAreThoseOfSlf4jAndFollowItsChanges(Start way) {
    try (Pool pool = start(way, "")) {
      ofModel.setLevel(Level.DEBUG);
      soon()
          .until(
              () -> {
                talk(pool);
                return said().contains("DEBUG .acme.model: debug");
              });
      logger.setLevel(Level.ERROR);
      ofModel.setLevel(null);
      soon().until(() -> Boolean.FALSE.equals(pool.tool("enabled").call(Boolean.class)));
    }
  }

  /// The records say what it was busy with when it died.
  @Test
  void theLastWordsOfAWorkerAreReadable() {
    try (Pool pool = start(Start.EXEC, "")) {
      assertThat(failure(WorkerDiedException.class, () -> call(pool, "leave")))
          .hasMessageContaining("ERROR acme.model: of a child");
    }
  }

  private static void call(Pool pool, String tool) {
    var _ = pool.tool(tool).call(Object.class);
  }
}
