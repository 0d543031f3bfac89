package dev.terrarium.trials;

import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.Start;
import dev.terrarium.testkit.Child;
import dev.terrarium.testkit.Procs;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// The sample of the matrix of endings: hosts that end in every way, with all pairs of ending,
/// state and child. The whole of it is `trials/run matrix`.
final class MatrixTest {
  @Test
  @Timeout(600)
  void nothingIsLeftInAnyPairOfEndingStateAndChild() {
    List<Trial> trials = new ArrayList<>(Trial.pairs(Start.ZYGOTE));
    trials.add(new Trial(Ending.SIGKILL, 3, Start.EXEC));
    trials.add(new Trial(Ending.WORKER, 5, Start.EXEC));
    List<MatrixResult> results = Trials.matrix(trials, Trials.LANES, MatrixTest::say);
    assertThat(results).hasSameSizeAs(trials).allMatch(MatrixResult::clean);
    assertThat(results).allSatisfy(it -> assertThat(it.cells()).hasSize(10));
  }

  private static void say(MatrixResult result) {
    System.out.printf(
        "%s, rotation %d, %s: %d processes, %.0f ms until nothing was left %s%n",
        result.ending(),
        result.rotation(),
        result.start(),
        result.processes(),
        result.millis(),
        result.clean() ? "" : result);
  }

  @Test
  @Timeout(180)
  void somethingThatIsLeftMakesATrialFail() {
    try (Child leaked = Child.start("sleep", "1000")) {
      MatrixResult result =
          MatrixTrial.run(
              new Trial(Ending.SIGKILL, 0, Start.ZYGOTE),
              Duration.ofSeconds(5),
              traces -> plant(traces.getFirst(), leaked));
      assertThat(result.clean()).isFalse();
      assertThat(result.problem()).isEmpty();
      assertThat(result.survivors())
          .singleElement()
          .asString()
          .startsWith("pid " + leaked.pid() + " ")
          .endsWith("sleep 1000");
    }
  }

  private static void plant(Traces traces, Child leaked) {
    long ticks = Procs.find(leaked.pid()).orElseThrow().startTicks();
    Path file = traces.folder().resolve("kin");
    try {
      String line = "%d %d daemon%n".formatted(leaked.pid(), ticks);
      Files.writeString(file, Files.readString(file) + line);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
