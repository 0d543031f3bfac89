package dev.terrarium;

import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.PoolStats.WorkerInfo;
import dev.terrarium.testkit.Signals;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// The figures to watch: what they are where all is well, and that they show what is not.
@Timeout(60)
final class FiguresTest {
  @TempDir Path home;
  @TempDir Path files;

  @Test
  void areAsExpectedWhereNothingIsWrong() {
    try (Terrarium runtime = Endings.runtime(home);
        Pool pool = Endings.pool(runtime).size(2).start();
        Pool other = Endings.pool(runtime).name("other").size(3).start()) {
      PoolStats stats = pool.stats();
      assertThat(stats.ledgerRows()).isEqualTo(3); // with the zygote
      assertThat(stats.processes()).isEqualTo(2);
      assertThat(stats.restarts()).isZero();
      assertThat(other.stats().processes()).isEqualTo(3);
      assertThat(runtime.listAllWorkers()).hasSize(7);
    }
  }

  @Test
  void countWhatToolsHaveStarted() {
    try (Terrarium runtime = Endings.runtime(home);
        Pool pool = Endings.pool(runtime).size(1).start()) {
      var _ = pool.tool("family").call(List.class); // three
      assertThat(pool.stats().processes()).isEqualTo(4);
      Signals.kill(Endings.proc(Endings.pids(pool).getFirst()));
      Endings.soon().until(() -> pool.stats().restarts() == 1 && pool.stats().idle() == 1);
      Endings.soon().until(() -> pool.stats().processes() == 1 && pool.stats().ledgerRows() == 2);
    }
  }

  @Test
  void saveTheLastCleanUpForWhatPoolsHaveLeft() {
    long before;
    try (Terrarium runtime = Endings.runtime(home);
        Pool pool = Endings.pool(runtime).size(1).start()) {
      before = pool.stats().cleanupActivations();
    }
    Terrarium careless = Endings.runtime(home.resolve("careless"));
    // Its warden stands still, so that nobody but the last clean-up can end the worker.
    Pool pool = Endings.pool(careless).size(1).grace(Duration.ofMillis(100)).start();
    var _ =
        pool.tool("ignore_sigterm").args(files.resolve("on").toString()).callAsync(Object.class);
    Endings.awaitFile(files.resolve("on"));
    Signals.pause(Endings.warden(ProcessHandle.current().pid()));
    careless.close();
    try (Terrarium runtime = Endings.runtime(home);
        Pool next = Endings.pool(runtime).size(1).start()) {
      assertThat(next.stats().cleanupActivations()).isEqualTo(before + 1);
    }
  }

  @Test
  void tellWhatAWorkerUses() {
    try (Terrarium runtime = Endings.runtime(home);
        Pool pool = Endings.pool(runtime).size(1).start()) {
      WorkerInfo before = pool.stats().workers().getFirst();
      assertThat(before.residentBytes()).isBetween(1L << 20, 1L << 30);
      Path on = files.resolve("on");
      var loop = pool.tool("loop").args(on.toString()).callAsync(Object.class);
      Endings.awaitFile(on);
      Endings.soon()
          .until(
              () -> {
                Duration more = pool.stats().workers().getFirst().cpu().minus(before.cpu());
                return more.compareTo(Duration.ofMillis(50)) > 0;
              });
      loop.cancel(true);
    }
  }
}
