package dev.terrarium;

import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.event.TerrariumEvent.OrphanFound;
import dev.terrarium.orphan.SystemStatus.Health;
import dev.terrarium.process.Birthmark;
import dev.terrarium.process.RunId;
import dev.terrarium.registry.RunDirectory;
import dev.terrarium.registry.StateDirectory;
import dev.terrarium.testkit.Child;
import dev.terrarium.testkit.Latches;
import dev.terrarium.testkit.Procs;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// What a running runtime does about one that died beside it.
@Timeout(60)
final class NeighbourTest {
  @TempDir Path home;

  /// A process of a run without a runtime.
  private Child orphan() {
    return orphan("sleep", "1000");
  }

  // The process first: a run of which nothing lives is removed by the first who sees it.
  private Child orphan(String... command) {
    Birthmark.Choice mark = Birthmark.choose();
    Child child = Child.marked(mark.chosen().orElseThrow().run(), 1, command);
    Endings.soon().until(() -> Procs.command(child.pid()).startsWith("sleep"));
    Path sockets = home.resolve("terrarium-gone");
    RunDirectory.create(StateDirectory.at(home), RunId.generate(), mark, sockets).close();
    return child;
  }

  private Config config() {
    return Config.defaults().withHome(home);
  }

  @Test
  void isCleanedUpAfterWithoutARestart() {
    List<OrphanFound> told = new CopyOnWriteArrayList<>();
    try (Terrarium runtime = Terrarium.start(config().withAuditInterval(Duration.ofMillis(50)));
        Pool pool = Endings.pool(runtime).size(1).start()) {
      runtime.onEvent(OrphanFound.class, told::add);
      List<Long> own = Endings.pids(pool);
      try (Child orphan = orphan()) {
        orphan.awaitExit();
        Endings.soon().until(() -> !told.isEmpty());
        assertThat(told)
            .singleElement()
            .extracting(OrphanFound::orphan)
            .matches(it -> it.process().pid() == orphan.pid() && it.isDead());
      }
      Endings.soon().until(() -> Endings.runs(home).equals(List.of(runtime.runId())));
      assertThat(Endings.pids(pool)).isEqualTo(own);
    }
  }

  @Test
  void isFoundAndCleanedUpAfterOnDemand() {
    try (Terrarium runtime = Terrarium.start(config());
        Pool pool = Endings.pool(runtime).size(2).start();
        Child orphan = orphan()) {
      var detector = runtime.orphanDetector();
      assertThat(detector.findOrphanedProcesses())
          .singleElement()
          .matches(it -> it.pid() == orphan.pid());
      assertThat(detector.systemStatus().health()).isEqualTo(Health.CRITICAL);
      assertThat(detector.systemStatus().registry().activePids()).isEqualTo(Endings.pids(pool));
      var cleanup = detector.cleanupOrphanedProcesses();
      assertThat(cleanup.terminated()).isEqualTo(1);
      assertThat(cleanup.preservedActive()).isEqualTo(2);
      assertThat(detector.systemStatus().health()).isEqualTo(Health.HEALTHY);
      assertThat(pool.stats().restarts()).isZero();
    }
  }

  @Test
  void isLeftAloneWhereThePolicySaysSo() {
    CleanupPolicy policy = CleanupPolicy.defaults().reportOnly();
    try (Child orphan = orphan()) {
      try (Terrarium runtime = Terrarium.start(config().withCleanup(policy))) {
        assertThat(orphan.alive()).isTrue();
        assertThat(runtime.orphanDetector().findOrphanedProcesses()).hasSize(1);
      }
      assertThat(orphan.alive()).isTrue();
    }
  }

  @Test
  void isSpokenOfOnceHoweverOftenItIsSeen() {
    CleanupPolicy policy = CleanupPolicy.defaults().reportOnly();
    Config config = config().withCleanup(policy).withAuditInterval(Duration.ofMillis(20));
    List<OrphanFound> told = new CopyOnWriteArrayList<>();
    try (LogLines log = LogLines.of("dev.terrarium.orphan");
        Terrarium runtime = Terrarium.start(config)) {
      runtime.onEvent(OrphanFound.class, told::add);
      try (Child orphan = orphan()) {
        Endings.soon().until(() -> !told.isEmpty());
        Endings.soon().during(Duration.ofMillis(500)).until(() -> told.size() == 1);
        assertThat(log.containing("1 found, 0 killed, 1 left")).hasSize(1);
        assertThat(orphan.alive()).isTrue();
      }
    }
  }

  @Test
  void delaysAStartByNoMoreThanTheGraceWhateverItLeft() {
    var asked = new CountDownLatch(1);
    CleanupPolicy undecided =
        CleanupPolicy.defaults()
            .withGrace(Duration.ofMillis(10))
            .withVeto(_ -> !Latches.awaited(asked));
    Child orphan = orphan();
    // Returns while the clean-up still waits for the veto; else it never would.
    try (Terrarium runtime = Terrarium.start(config().withCleanup(undecided))) {
      assertThat(orphan.alive()).isTrue();
      asked.countDown();
      orphan.awaitExit();
      List<OrphanFound> told = new CopyOnWriteArrayList<>();
      runtime.onEvent(OrphanFound.class, told::add);
      Endings.soon().until(() -> told.size() == 1);
    }
  }

  @Test
  void thatWasFoundDuringTheStartIsToldToWhoSubscribesLater() {
    try (Child orphan = orphan();
        Terrarium runtime = Terrarium.start(config())) {
      orphan.awaitExit();
      List<OrphanFound> told = new CopyOnWriteArrayList<>();
      runtime.onEvent(OrphanFound.class, told::add);
      Endings.soon().until(() -> told.size() == 1);
      assertThat(told.getFirst().orphan().process().pid()).isEqualTo(orphan.pid());
    }
  }

  private Child stubborn() {
    return orphan("sh", "-c", "trap '' TERM; exec sleep 1000");
  }

  @Test
  void doesNotHoldUpTheEndOfARuntimeThatStillCleansUp() {
    CleanupPolicy patient = CleanupPolicy.defaults().withGrace(Duration.ofSeconds(3));
    try (Child stubborn = stubborn()) {
      Terrarium runtime = Terrarium.start(config().withCleanup(patient));
      runtime.close();
      assertThat(stubborn.alive()).isFalse();
    }
  }
}
