package dev.terrarium;

import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.testkit.Jvm;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// However a JVM ends that can still act: callers hear of it once, tools and adapters may clean up,
/// nothing is left, and the exit status is what it would have been without us.
@Timeout(90)
final class PoliteEndTest {
  @TempDir Path home;
  @TempDir Path files;

  @ParameterizedTest
  @CsvSource({"close,0", "return,0", "exit,7", "exit in a completion,7"})
  void endsPolitely(String how, int status) {
    assertThat(endOf(how, _ -> {})).isEqualTo(status);
  }

  @Test
  void endsPolitelyOnSigterm() {
    assertThat(endOf("signal", Jvm::terminate)).isEqualTo(143);
  }

  @Test
  void endsPolitelyOnSigint() {
    assertThat(endOf("signal", Jvm::interrupt)).isEqualTo(130);
  }

  private int endOf(String how, Consumer<Jvm> act) {
    try (Jvm jvm = Jvm.start(Parting.class, home.toString(), files.toString(), how)) {
      jvm.awaitLine("ready");
      act.accept(jvm);
      int status = jvm.awaitExit();
      jvm.awaitLine("all answered");
      assertThat(outcomes(jvm))
          .containsExactlyInAnyOrderElementsOf(
              Parting.CALLERS.stream().map(it -> it + " PoolClosedException").toList());
      assertThat(Endings.notes(files.resolve("note")))
          .containsExactlyInAnyOrder("finally", "finally", "on_stop", "on_stop");
      assertThat(Endings.runs(home)).isEmpty();
      return status;
    }
  }

  private static List<String> outcomes(Jvm jvm) {
    return jvm.lines().stream()
        .filter(line -> line.startsWith("outcome "))
        .map(line -> line.substring("outcome ".length()))
        .toList();
  }

  @Test
  void forcesNothing() {
    try (Jvm jvm = Jvm.start(Parting.class, home.toString(), files.toString(), "close")) {
      assertThat(jvm.awaitLine("report ")).isEqualTo("CloseReport[killed=0, left=0]");
      assertThat(jvm.awaitExit()).isZero();
    }
  }
}
