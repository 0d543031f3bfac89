package dev.terrarium;

import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.Exhausted.Moment;
import dev.terrarium.testkit.Jvm;
import dev.terrarium.testkit.Procs;
import dev.terrarium.testkit.Procs.Proc;
import dev.terrarium.testkit.Signals;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// JVMs that run out of descriptors or threads just when a warden has died or a runtime closes:
/// that passes, and everything is as before, or closed as if nothing had been.
@Timeout(180)
final class ExhaustedTest {
  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final List<String> FEW_DESCRIPTORS = List.of("prlimit", "--nofile=300");

  @TempDir private Path home;

  /// The thread that starts a warden's successor died of the first look at `/proc` that failed, and
  /// the runtime never healed.
  @Test
  void aRuntimeHealsWhenDescriptorsAreBackThatWereGoneWhenItsWardenDied() {
    try (Jvm program = start(FEW_DESCRIPTORS, Moment.RECOVERY)) {
      program.say("go on");
      program.awaitLine("exhausted");
      Signals.kill(Endings.warden(program.pid()));
      program.awaitLine(line -> line.contains("(2 in a row)"), PATIENCE);
      program.say("enough");
      program.awaitLine(line -> line.equals("then: 2"), PATIENCE);
      assertClosed(program);
    }
    assertThat(Endings.runs(home)).isEmpty();
  }

  /// But for its directory, which takes descriptors to remove, and is the next start's.
  @Test
  void aCloseWithoutDescriptorsLeavesNoProcess() {
    try (Jvm program = start(FEW_DESCRIPTORS, Moment.CLOSE)) {
      long birthmark = Endings.birthmark(Endings.warden(program.pid()));
      program.say("go on");
      assertClosed(program);
      assertThat(Procs.marked(birthmark)).isEmpty();
    }
    Endings.runtime(home).close();
    assertThat(Endings.runs(home)).isEmpty();
  }

  /// It threw "unable to create native thread" half-way, or `IllegalThreadStateException`.
  @Test
  void aCloseWithoutThreadsLeavesNothing() {
    List<String> largeStacks = List.of("env", "JDK_JAVA_OPTIONS=-Xss64m");
    try (Jvm program = start(largeStacks, Moment.CLOSE_WITHOUT_THREADS)) {
      program.say("go on");
      assertThat(program.awaitLine(line -> line.startsWith("exhausted after"), PATIENCE))
          .contains("unable to create native thread");
      assertClosed(program);
    }
    assertThat(Endings.runs(home)).isEmpty();
  }

  private Jvm start(List<String> launcher, Moment moment) {
    Jvm program =
        Jvm.behind(
            launcher, Exhausted.class, Map.of("test.log", "WARN"), home.toString(), moment.name());
    assertThat(program.awaitLine(line -> line.startsWith("ready: "), PATIENCE))
        .isEqualTo("ready: 1");
    Proc warden = Endings.warden(program.pid());
    Signals.kill(warden);
    Endings.soon().until(() -> !Endings.lives(warden));
    program.say("it was killed");
    program.awaitLine(line -> line.equals("healed: 2"), PATIENCE);
    return program;
  }

  private void assertClosed(Jvm program) {
    assertThat(program.awaitLine(line -> line.startsWith("closed: "), PATIENCE))
        .isEqualTo("closed: CloseReport[killed=0, left=0]");
    assertThat(program.awaitExit()).as(() -> String.join("\n", program.lines())).isZero();
  }
}
