package dev.terrarium;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.terrarium.testkit.Jvm;
import dev.terrarium.testkit.Procs;
import dev.terrarium.testkit.Procs.Proc;
import dev.terrarium.testkit.Signals;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// The warden is killed or stopped: its runtime goes on with another one, or ends all the same.
@Timeout(90)
@SuppressWarnings("try") // closed by hand to ask for the report
final class WardenEndsTest {
  private static final long SELF = ProcessHandle.current().pid();

  @TempDir Path home;
  @TempDir Path files;

  @Test
  void thePoolHealsWhenTheWardenIsKilledTwiceInARow() {
    try (Terrarium runtime = Endings.runtime(home);
        Pool pool = Endings.pool(runtime).size(2).start()) {
      for (int round = 1; round <= 2; round++) {
        killWarden(pool, round);
      }
      assertThat(Endings.close(runtime)).isEqualTo(new Terrarium.CloseReport(0, 0));
    }
  }

  private void killWarden(Pool pool, int round) {
    Proc warden = Endings.warden(SELF);
    var _ = pool.tool("family").call(List.class);
    List<CompletableFuture<@Nullable Object>> running =
        List.of(loop(pool, round + "a"), loop(pool, round + "b"));
    List<Proc> known = Procs.marked(Endings.birthmark(warden));
    assertThat(known).hasSize(7); // warden, zygote, two workers, three that they started
    long begin = System.nanoTime();
    Signals.kill(warden);
    Endings.soon().until(() -> known.stream().noneMatch(Endings::lives));
    long gone = (System.nanoTime() - begin) / 1_000_000;
    running.forEach(WardenEndsTest::assertWorkerDied);
    assertThat(pool.tool("echo").args("again").call(String.class)).isEqualTo("again");
    long healed = (System.nanoTime() - begin) / 1_000_000;
    Endings.soon().until(() -> pool.stats().idle() == 2);
    assertThat(Trouble.text(auditOf(pool)))
        .contains("\"target\":\"exit\"", "\"how\":\"it died with its warden\"");
    assertThat(Endings.warden(SELF).pid()).isNotEqualTo(warden.pid());
    Endings.report(
        "SIGKILL of the warden",
        Map.of("processes", known.size(), "gone after ms", gone, "next call after ms", healed));
  }

  private Path auditOf(Pool pool) {
    return home.resolve("runs").resolve(pool.runtime().runId()).resolve("audit.jsonl");
  }

  private CompletableFuture<@Nullable Object> loop(Pool pool, String name) {
    Path file = files.resolve(name);
    var future = pool.tool("loop").args(file.toString()).callAsync(Object.class);
    Endings.awaitFile(file);
    return future;
  }

  private static void assertWorkerDied(CompletableFuture<@Nullable Object> call) {
    assertThatThrownBy(call::join)
        .hasCauseInstanceOf(WorkerDiedException.class)
        .hasMessageContaining("it died with its warden");
  }

  @Test
  void aCloseRightAfterTheWardensDeathLeavesNothing() {
    for (int round = 0; round < 5; round++) {
      Terrarium runtime = Endings.runtime(home);
      Endings.pool(runtime).size(2).start().tool("family").call(List.class);
      Proc warden = Endings.warden(SELF);
      long birthmark = Endings.birthmark(warden);
      try (LogLines log = LogLines.of("dev.terrarium")) {
        Signals.kill(warden);
        runtime.close();
        assertThat(Procs.marked(birthmark)).isEmpty();
        assertThat(runtime.closeReport().orElseThrow().left()).isZero();
        assertThat(log.containing("ERROR")).isEmpty();
      }
      assertThat(Endings.runs(home)).isEmpty();
    }
  }

  @Test
  void nothingIsLeftWhenWardenAndJvmAreKilledTogether() {
    afterwards(
        "SIGKILL of warden and JVM together",
        jvm -> {
          Signals.kill(Endings.warden(jvm.pid()));
          jvm.kill();
        });
  }

  @Test
  void nothingIsLeftWhenTheWardenIsStoppedAndTheJvmIsKilled() {
    afterwards(
        "SIGSTOP of the warden, SIGKILL of the JVM",
        jvm -> {
          Endings.stop(Endings.warden(jvm.pid()));
          jvm.kill();
        });
  }

  @Test
  void nothingIsLeftWhenTheWardenIsStoppedAndTheJvmExits() {
    afterwards(
        "SIGSTOP of the warden, SIGTERM of the JVM",
        jvm -> {
          Endings.stop(Endings.warden(jvm.pid()));
          jvm.terminate();
          assertThat(jvm.awaitExit()).isEqualTo(143);
        });
  }

  private void afterwards(String what, Consumer<Jvm> act) {
    String[] arguments = {home.toString(), files.toString(), "trouble.py", "2", "child"};
    try (Jvm jvm = Jvm.start(Victim.class, arguments)) {
      jvm.awaitLine("ready");
      long birthmark = Endings.birthmark(Endings.warden(jvm.pid()));
      List<Proc> known = Procs.marked(birthmark);
      assertThat(known).hasSize(5); // with the zygote
      long begin = System.nanoTime();
      act.accept(jvm);
      long millis = Endings.awaitNothingLeft(known, birthmark, begin);
      Endings.report(what, Map.of("processes", known.size(), "left", 0, "ms", millis));
    }
    Endings.runtime(home).close(); // directories of dead runs wait for the next start
    assertThat(Endings.runs(home)).isEmpty();
  }

  @Test
  void aWardenThatDoesNotAnswerIsReplacedAndThePoolHeals() {
    try (Terrarium runtime = Endings.runtime(home);
        Pool pool = Endings.pool(runtime).size(1).start()) {
      Endings.stop(Endings.warden(SELF));
      assertThatThrownBy(() -> pool.tool("leave_at_once").args(7).call(Object.class))
          .isInstanceOf(WorkerDiedException.class);
      assertThat(pool.call("echo", Map.of("value", 1), Integer.class)).isEqualTo(1);
    }
  }

  @Test
  void aStoppedWardenKeepsCloseWithinBounds() {
    Terrarium runtime = Endings.runtime(home);
    Endings.pool(runtime).size(2).start().tool("family").call(List.class);
    Proc warden = Endings.warden(SELF);
    List<Proc> known = Procs.marked(Endings.birthmark(warden));
    Endings.stop(warden);
    long begin = System.nanoTime();
    runtime.close();
    Duration took = Duration.ofNanos(System.nanoTime() - begin);
    assertThat(known).noneMatch(Endings::lives);
    assertThat(took).isLessThan(Duration.ofSeconds(30));
    assertThat(runtime.closeReport().orElseThrow().left()).isZero();
    Endings.report("close() with a stopped warden", Map.of("ms", took.toMillis()));
  }
}
