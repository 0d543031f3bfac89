package dev.terrarium;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.terrarium.orphan.ShutdownHook;
import dev.terrarium.testkit.Procs;
import dev.terrarium.testkit.Procs.Proc;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.function.Supplier;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// Where nothing goes wrong nothing happens: no process more or less, nobody killed.
@Timeout(90)
final class QuietLifeTest {
  private static final long SELF = ProcessHandle.current().pid();
  private static final Terrarium.CloseReport CLEAN = new Terrarium.CloseReport(0, 0);

  /// After that long without work a virtual thread's carrier ends, and with it what was to die with
  /// the thread that started it.
  private static final Duration CARRIER_KEEP_ALIVE = Duration.ofSeconds(30);

  @TempDir Path home;
  @TempDir Path otherHome;

  @Test
  void everyProcessBearsTheRunIdOnItsCommandLine() {
    try (Terrarium runtime = Endings.runtime(home);
        Pool pool = Endings.pool(runtime).size(2).start()) {
      long birthmark = Endings.birthmark(Endings.warden(ProcessHandle.current().pid()));
      assertThat(pool.stats().workers()).hasSize(2);
      assertThat(Procs.marked(birthmark))
          .hasSize(4) // warden, zygote, two workers
          .allSatisfy(
              process ->
                  assertThat(Procs.command(process.pid()))
                      .contains("--snakepit-run-id " + runtime.runId()));
    }
  }

  @Test
  void threeCyclesLeaveNoProcessMoreOrLess() {
    List<Long> before = below();
    for (int cycle = 1; cycle <= 3; cycle++) {
      Terrarium runtime = Endings.runtime(home);
      Pool pool = Endings.pool(runtime).size(2).start();
      assertThat(pool.tool("echo").args(cycle).call(Integer.class)).isEqualTo(cycle);
      assertThat(below()).hasSize(before.size() + 4);
      runtime.close();
      assertThat(below()).isEqualTo(before);
      assertThat(runtime.closeReport()).contains(CLEAN);
      assertThat(Endings.runs(home)).isEmpty();
    }
  }

  private static List<Long> below() {
    return Procs.descendants(SELF).stream().map(Proc::pid).sorted().toList();
  }

  @Test
  void nothingHappensInTwoQuietSeconds() {
    Terrarium runtime = Endings.runtime(home);
    Pool pool = Endings.pool(runtime).size(2).start();
    List<Long> before = below();
    List<Long> workers = Endings.pids(pool);
    long activations = pool.stats().cleanupActivations();
    Endings.soon()
        .during(Duration.ofSeconds(2))
        .until(() -> below().equals(before) && pool.stats().cleanupActivations() == activations);
    assertThat(Endings.pids(pool)).isEqualTo(workers);
    assertThat(pool.stats().restarts()).isZero();
    runtime.close();
    assertThat(runtime.closeReport()).contains(CLEAN);
    assertThat(ShutdownHook.ofJvm().activations()).isEqualTo(activations);
  }

  @Test
  void aRuntimeDoesNotNoticeThatAnotherOneOfTheSameJvmCloses() {
    try (Terrarium staying = Endings.runtime(home);
        Pool pool = Endings.pool(staying).size(2).start()) {
      Terrarium leaving = Endings.runtime(otherHome);
      Endings.pool(leaving).size(2).start();
      List<Long> workers = Endings.pids(pool);
      leaving.close();
      assertThat(leaving.closeReport()).contains(CLEAN);
      assertThat(pool.tool("pid").call(Long.class)).isIn(workers);
      assertThat(Endings.pids(pool)).isEqualTo(workers);
      assertThat(pool.stats().restarts()).isZero();
    }
  }

  @Test
  @Tag("slow")
  void aPoolOutlivesTheThreadThatStartedIt() {
    try (Terrarium ofVirtual = in(Thread::startVirtualThread, () -> Endings.runtime(home));
        Pool one = in(Thread::startVirtualThread, () -> Endings.pool(ofVirtual).size(2).start());
        Terrarium ofEnded = in(Thread.ofPlatform()::start, () -> Endings.runtime(otherHome));
        Pool two = in(Thread.ofPlatform()::start, () -> Endings.pool(ofEnded).size(2).start())) {
      List<Long> before = below();
      assertThat(before).containsAll(Endings.pids(one)).containsAll(Endings.pids(two));
      await()
          .atMost(CARRIER_KEEP_ALIVE.multipliedBy(2))
          .pollInterval(Duration.ofMillis(200))
          .during(CARRIER_KEEP_ALIVE.plusSeconds(2))
          .until(() -> below().equals(before));
      assertThat(one.tool("pid").call(Long.class)).isIn(Endings.pids(one));
      assertThat(two.tool("pid").call(Long.class)).isIn(Endings.pids(two));
    }
  }

  private static <T> T in(Executor thread, Supplier<T> work) {
    return CompletableFuture.supplyAsync(work, thread).join();
  }
}
