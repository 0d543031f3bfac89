package dev.terrarium.orphan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.terrarium.CleanupPolicy;
import dev.terrarium.orphan.SystemStatus.Health;
import dev.terrarium.process.Birthmark;
import dev.terrarium.process.ProcessKiller;
import dev.terrarium.testkit.Child;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// A chain of processes that a look at the list of all processes does not show.
@Timeout(120)
final class ChainSurveyTest extends CleaningUp {
  /// Each link forks the next and dies: there was nobody in any list, the processor was busy, and
  /// the status was "healthy".
  @Test
  void seesAChainThatIsInNoList() throws IOException {
    Path goesOn = Files.createFile(home.resolve("chain"));
    String code =
        """
        import os, sys
        while os.fork() == 0 and os.path.exists(sys.argv[1]):
            os.setsid()
        """;
    Birthmark.Choice mark = Birthmark.choose();
    newRun(mark).close();
    var detector =
        new OrphanDetector(state, new ProcessKiller(audit::add), CleanupPolicy.defaults());
    String[] chain = {"python3", "-I", "-S", "-c", code, goesOn.toString()};
    try (Child first = Child.marked(mark.chosen().orElseThrow().run(), 3, chain)) {
      await().until(() -> !first.alive());
      int seen = 0;
      for (int i = 0; i < 10; i++) {
        seen += detector.systemStatus().orphanedProcesses() > 0 ? 1 : 0;
      }
      assertThat(seen).as("looks of 10 that saw it").isGreaterThanOrEqualTo(8);
      assertThat(detector.cleanupOrphanedProcesses().errors()).isZero();
    } finally {
      Files.delete(goesOn); // which ends a chain that nobody else has ended
    }
    assertThat(detector.systemStatus().health()).isEqualTo(Health.HEALTHY);
  }
}
