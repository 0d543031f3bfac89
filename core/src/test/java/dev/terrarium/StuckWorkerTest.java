package dev.terrarium;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.terrarium.event.TerrariumEvent.WorkerStuck;
import dev.terrarium.process.Birthmark;
import dev.terrarium.process.RunId;
import dev.terrarium.registry.RunDirectory;
import dev.terrarium.registry.StateDirectory;
import dev.terrarium.testkit.Child;
import dev.terrarium.testkit.Latches;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// A worker that has a call and says nothing for longer than its pool allows.
@Timeout(60)
final class StuckWorkerTest {
  @TempDir Path home;
  @TempDir Path files;

  private Terrarium runtime() {
    return Terrarium.start(
        Config.defaults().withHome(home).withAuditInterval(Duration.ofMillis(50)));
  }

  @Test
  void isNamedWithItsStacksAndReplaced() {
    List<WorkerStuck> told = new CopyOnWriteArrayList<>();
    try (Terrarium runtime = runtime();
        Pool pool = Endings.pool(runtime).size(1).stuckAfter(Duration.ofMillis(500)).start()) {
      runtime.onEvent(WorkerStuck.class, told::add);
      long pid = Endings.pids(pool).getFirst();
      Path on = files.resolve("on");
      CompletableFuture<@Nullable Object> call =
          pool.tool("hold_gil").args(on.toString()).callAsync(Object.class);
      assertThatThrownBy(call::join)
          .hasCauseInstanceOf(WorkerDiedException.class)
          .hasMessageContaining("silent for longer than stuckAfter (500 ms)");
      assertThat(pool.tool("echo").args("next").call(String.class)).isEqualTo("next");
      Endings.soon().until(() -> !told.isEmpty());
      assertThat(told)
          .singleElement()
          .matches(it -> it.pid() == pid && it.stacks().contains("hold_gil"));
    }
  }

  @Test
  void isFoundWhileAHookThinksAboutAnOrphan() {
    var decided = new CountDownLatch(1);
    CleanupPolicy undecided =
        CleanupPolicy.defaults().withGrace(Duration.ZERO).withVeto(_ -> !Latches.awaited(decided));
    Config config =
        Config.defaults()
            .withHome(home)
            .withAuditInterval(Duration.ofMillis(50))
            .withCleanup(undecided);
    Birthmark.Choice mark = Birthmark.choose();
    RunDirectory.create(
            StateDirectory.at(home), RunId.generate(), mark, files.resolve("terrarium-x"))
        .close();
    try (Child orphan = Child.marked(mark.chosen().orElseThrow().run(), 1, "sleep", "1000")) {
      try (Terrarium runtime = Terrarium.start(config);
          Pool pool = Endings.pool(runtime).size(1).stuckAfter(Duration.ofMillis(500)).start()) {
        var call =
            pool.tool("hold_gil").args(files.resolve("on").toString()).callAsync(Object.class);
        assertThatThrownBy(call::join).hasCauseInstanceOf(WorkerDiedException.class);
        assertThat(orphan.alive()).isTrue();
        decided.countDown();
        orphan.awaitExit();
      }
    }
  }

  @Test
  void isNotTheOneThatHasNothingToDo() {
    try (Terrarium runtime = runtime();
        Pool pool = Endings.pool(runtime).size(1).stuckAfter(Duration.ofMillis(100)).start()) {
      Endings.soon().during(Duration.ofSeconds(1)).until(() -> pool.stats().restarts() == 0);
    }
  }

  @Test
  void isNotTheOneThatAnswersNowAndThen() {
    try (Terrarium runtime = runtime();
        Pool pool =
            Endings.pool(runtime)
                .size(1)
                .concurrency(2)
                .stuckAfter(Duration.ofSeconds(2))
                .start()) {
      Path go = files.resolve("go");
      var waits = pool.tool("wait_async").args(go.toString()).callAsync(String.class);
      long begin = System.nanoTime();
      while (System.nanoTime() - begin < Duration.ofSeconds(4).toNanos()) {
        pool.tool("nap").args(0.1).call(Object.class);
      }
      assertThat(waits).isNotDone();
      Trouble.write(go, "");
      assertThat(waits.join()).isEqualTo("waited");
      assertThat(pool.stats().restarts()).isZero();
    }
  }
}
