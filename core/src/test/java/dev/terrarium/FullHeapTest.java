package dev.terrarium;

import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.testkit.Jvm;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// A heap that is full for a while.
///
/// One `OutOfMemoryError` on the timer's thread, and no deadline fired ever again; one on the event
/// loop's, and no call was answered. Callers waited for ever, and where they did not, classes whose
/// first use had failed made `NoClassDefFoundError` of what should have been a deadline.
@Timeout(180)
final class FullHeapTest {
  @TempDir Path home;

  @Test
  void eachCallerHasHisOutcomeAndThePoolIsWholeAgain() {
    try (Jvm program =
        Jvm.start(FullHeapCalls.class, Map.of(), List.of("-Xmx40m"), home.toString(), "PT6S")) {
      String last = program.awaitLine(line -> line.startsWith("closed"), Duration.ofSeconds(150));
      assertThat(last).isEqualTo("closed");
      assertThat(program.lines())
          .contains("callers without an outcome: 0")
          .contains("deadline: DeadlineExceededException")
          .contains("tool: ToolException")
          .contains("unknown: UnknownToolException")
          .contains("death: WorkerDiedException")
          .contains("queued: 0") // or places in the queue would be taken for ever
          .contains("then: y");
      assertThat(program.awaitLine("outcomes: ")).doesNotContain("NoClassDef");
      assertThat(program.awaitExit()).isZero();
    }
  }
}
