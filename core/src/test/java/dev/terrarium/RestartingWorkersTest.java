package dev.terrarium;

import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.event.TerrariumEvent;
import dev.terrarium.event.TerrariumEvent.OrphanFound;
import dev.terrarium.orphan.OrphanDetector;
import dev.terrarium.orphan.ShutdownHook;
import dev.terrarium.process.Birthmark;
import dev.terrarium.process.ProcessIdentity;
import dev.terrarium.process.ProcessKiller;
import dev.terrarium.process.ProcessName;
import dev.terrarium.process.RunId;
import dev.terrarium.registry.ProcessRegistry;
import dev.terrarium.registry.RunDirectory;
import dev.terrarium.registry.StateDirectory;
import dev.terrarium.testkit.Child;
import dev.terrarium.testkit.Signals;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// A start after a crash, workers that die again and again as soon as they are born, and everybody
/// who cleans up looking at them meanwhile: what was left by the dead is ended, and those who are
/// restarting are nobody's orphans.
///
/// That is how it went once: the run before had left rows and reservations; the packages were
/// missing, so each worker ended at its import with status 0 and was started anew; and a clean-up
/// five seconds later took those two for orphans and killed them.
@Timeout(120)
final class RestartingWorkersTest {
  /// How often workers are to fail while others look.
  private static final int FAILURES = 6;

  private static final String ADAPTER =
      """
      import os
      from terrarium import on_start, tool

      @on_start
      def import_packages():
          if os.path.exists(os.environ["MISSING"]):
              os._exit(0)

      @tool
      def pid():
          return os.getpid()
      """;

  @TempDir Path home;
  @TempDir Path files;
  private final List<TerrariumEvent> told = new CopyOnWriteArrayList<>(); // orphans, and drift

  @Test
  void areNobodysOrphansFromTheFirstStartToTheLastCleanUp() throws IOException {
    Path missing = files.resolve("missing");
    long activations = ShutdownHook.ofJvm().activations();
    try (Child orphan = leftOfARunBefore();
        Terrarium runtime = start(home)) {
      // Phase one to three of the start: rows, reservations, and what bears the mark.
      assertThat(orphan.alive()).isFalse();
      assertThat(Endings.runs(home)).containsExactly(runtime.runId());
      Pool pool = pool(runtime, missing);
      List<Long> first = Endings.pids(pool);
      assertThat(runtime.listAllWorkers()).hasSize(3); // with the zygote

      Files.createFile(missing);
      first.forEach(pid -> Signals.kill(Endings.proc(pid)));
      lookWhileTheyFail(runtime, pool);
      Files.delete(missing);

      Endings.soon().until(() -> pool.stats().idle() == 2);
      assertThat(Endings.pids(pool)).doesNotContainAnyElementsOf(first);
      long restarts = pool.stats().restarts();
      lookOnce(runtime);
      assertThat(pool.tool("pid").call(Long.class)).isIn(Endings.pids(pool));
      assertThat(pool.stats().restarts()).isEqualTo(restarts);
      assertThat(told)
          .singleElement()
          .matches(
              it ->
                  it instanceof OrphanFound found
                      && found.orphan().process().pid() == orphan.pid());
      assertThat(signalsOfCleanUps(runtime)).isEmpty();
      assertThat(Endings.close(runtime)).isEqualTo(new Terrarium.CloseReport(0, 0));
    }
    assertThat(ShutdownHook.ofJvm().activations()).isEqualTo(activations);
  }

  @Test
  void areNotKilledByTheLastCleanUpThatMeetsThem() throws IOException {
    long activations = ShutdownHook.ofJvm().activations();
    for (int round = 0; round < 3; round++) {
      Path missing = files.resolve("missing-" + round);
      Terrarium runtime = start(home);
      Pool pool = pool(runtime, missing);
      Files.createFile(missing);
      Endings.pids(pool).forEach(pid -> Signals.kill(Endings.proc(pid)));
      Endings.soon().until(() -> pool.stats().restarts() > 2);
      assertThat(Endings.close(runtime).left()).isZero();
      assertThat(Endings.runs(home)).isEmpty();
    }
    assertThat(ShutdownHook.ofJvm().activations()).isEqualTo(activations);
  }

  /// A worker with a row, a reservation that was never activated, a row whose process is gone.
  private Child leftOfARunBefore() {
    Birthmark.Choice mark = Birthmark.choose();
    RunDirectory run =
        RunDirectory.create(
            StateDirectory.at(home), RunId.generate(), mark, home.resolve("terrarium-before"));
    Child orphan = Child.marked(mark.chosen().orElseThrow().run(), 1, "sleep", "1000");
    try (ProcessRegistry ledger = ProcessRegistry.open(run, true)) {
      ledger.reserve(ProcessName.worker("a", 1), 1);
      ledger.activate(1, orphan.pid(), ticks(orphan), orphan.pid());
      ledger.reserve(ProcessName.worker("a", 2), 2);
      ledger.reserve(ProcessName.worker("a", 3), 3);
      ledger.activate(3, ProcessHandle.current().pid(), 1, 1);
    }
    run.close();
    return orphan;
  }

  private static long ticks(Child child) {
    return ProcessIdentity.of(child.pid()).orElseThrow().startTicks();
  }

  private Terrarium start(Path at) {
    Terrarium runtime =
        Terrarium.start(Config.defaults().withHome(at).withAuditInterval(Duration.ofMillis(1)));
    runtime.onEvent(TerrariumEvent.class, told::add);
    return runtime;
  }

  private Pool pool(Terrarium runtime, Path missing) {
    return Trouble.pool(files, ADAPTER)
        .runtime(runtime)
        .size(2)
        .environment("MISSING", missing.toString())
        .start();
  }

  private void lookWhileTheyFail(Terrarium runtime, Pool pool) {
    var looks = new ArrayList<Long>();
    while (pool.stats().restarts() < FAILURES) {
      lookOnce(runtime);
      looks.add(pool.stats().restarts());
    }
    System.out.println("restarts before each look: " + looks);
    assertThat(pool.stats().idle()).isZero();
  }

  /// All who clean up: this runtime's own detector, one without a runtime, and a neighbour's start.
  private void lookOnce(Terrarium runtime) {
    OrphanDetector outside =
        new OrphanDetector(
            StateDirectory.at(home), new ProcessKiller(_ -> {}), CleanupPolicy.defaults());
    for (OrphanDetector detector : List.of(runtime.orphanDetector(), outside)) {
      assertThat(detector.findOrphanedProcesses()).isEmpty();
      assertThat(detector.cleanupOrphanedProcesses().found()).isZero();
      assertThat(detector.systemStatus().orphanedProcesses()).isZero();
    }
    Endings.runtime(home).close();
  }

  /// What this run's audit and those of its neighbours say of anybody but the warden.
  private List<String> signalsOfCleanUps(Terrarium runtime) throws IOException {
    var lines = new ArrayList<String>();
    for (Path audit :
        List.of(
            home.resolve("runs").resolve(runtime.runId()).resolve("audit.jsonl"),
            home.resolve("audit.jsonl"))) {
      if (Files.exists(audit)) {
        lines.addAll(Files.readAllLines(audit));
      }
    }
    return lines.stream()
        .filter(
            line ->
                line.contains("orphan detector")
                    || line.contains("auditor")
                    || (line.contains("startup cleanup") && !line.contains(runtime.runId())))
        .toList();
  }
}
