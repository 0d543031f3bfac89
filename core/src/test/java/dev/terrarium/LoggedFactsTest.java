package dev.terrarium;

import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.testkit.Signals;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// The lines by which operators know what became of each process.
@Timeout(90)
final class LoggedFactsTest {
  @TempDir Path home;
  @TempDir Path files;

  @Test
  void eachWorkersActivationIsLogged() {
    try (LogLines log = LogLines.of("dev.terrarium");
        Terrarium runtime = Endings.runtime(home);
        Pool pool = Endings.pool(runtime).size(2).start()) {
      Endings.soon().until(() -> log.containing("activated").size() == 2);
      assertThat(log.containing("activated"))
          .containsExactlyInAnyOrderElementsOf(
              pool.stats().workers().stream()
                  .map(
                      it ->
                          "INFO Worker %s activated: pid %d, run %s"
                              .formatted(it.id(), it.pid(), runtime.runId()))
                  .toList());
    }
  }

  @Test
  void aDeathThatNobodyAskedForIsLoggedWithReasonAndPid() {
    try (LogLines log = LogLines.of("dev.terrarium");
        Terrarium runtime = Endings.runtime(home);
        Pool pool = Endings.pool(runtime).size(1).start()) {
      PoolStats.WorkerInfo first = pool.stats().workers().getFirst();
      Signals.kill(Endings.proc(first.pid()));
      Endings.soon().until(() -> !log.containing("died").isEmpty());
      assertThat(log.containing("died"))
          .singleElement()
          .asString()
          .startsWith(
              "WARN Worker %s died without being asked: killed by SIGKILL (pid %d), "
                  .formatted(first.id(), first.pid()))
          .endsWith("; what it left behind is killed");
    }
  }

  @Test
  void whatWasForcedAtShutdownIsCounted() {
    try (LogLines log = LogLines.of("dev.terrarium")) {
      Terrarium runtime = Endings.runtime(home);
      Pool pool = Endings.pool(runtime).size(3).grace(Duration.ofMillis(200)).start();
      keepBusy(pool, "hold_gil");
      keepBusy(pool, "ignore_sigterm");
      runtime.close();
      assertThat(runtime.closeReport()).contains(new Terrarium.CloseReport(2, 0));
      assertThat(log.containing("by force"))
          .containsExactly(
              "WARN Run %s: 2 processes had to be ended by force at shutdown"
                  .formatted(runtime.runId()));
      assertThat(log.containing("SIGTERM for 200 ms: SIGKILL")).hasSize(1);
    }
  }

  private void keepBusy(Pool pool, String tool) {
    Path file = files.resolve(tool);
    var _ = pool.tool(tool).args(file.toString()).callAsync(Object.class);
    Endings.awaitFile(file);
  }

  @Test
  void anEndThatLeftNothingIsLogged() {
    try (LogLines log = LogLines.of("dev.terrarium")) {
      Terrarium runtime = Endings.runtime(home);
      Endings.pool(runtime).size(2).start().close();
      runtime.close();
      assertThat(log.containing("Run " + runtime.runId() + ": nothing left at shutdown"))
          .singleElement()
          .asString()
          .startsWith("INFO");
      assertThat(log.all()).noneMatch(line -> line.startsWith("WARN") || line.startsWith("ERROR"));
    }
  }
}
