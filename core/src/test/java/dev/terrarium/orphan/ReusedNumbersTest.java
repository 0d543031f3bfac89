package dev.terrarium.orphan;

import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.CleanupPolicy;
import dev.terrarium.event.Events;
import dev.terrarium.orphan.CleanupReport.Removed;
import dev.terrarium.process.AuditLog;
import dev.terrarium.process.Birthmark;
import dev.terrarium.process.ProcessIdentity;
import dev.terrarium.process.ProcessKiller;
import dev.terrarium.process.ProcessName;
import dev.terrarium.process.RunId;
import dev.terrarium.registry.ProcessRegistry;
import dev.terrarium.registry.RunDirectory;
import dev.terrarium.registry.StateDirectory;
import dev.terrarium.testkit.Strangers;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.LongStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// Orphans die, and strangers get their numbers, at the worst moment: a hundred of a hundred live.
@Timeout(120)
@SuppressWarnings("NullAway.Init") // set before each test
final class ReusedNumbersTest {
  private static final int TIMES = 100;

  @TempDir private Path home;
  private final Birthmark mark = Birthmark.choose().chosen().orElseThrow();
  private final List<AuditLog.Entry> audit = new CopyOnWriteArrayList<>();
  private final ProcessKiller killer = new ProcessKiller(audit::add);
  private StateDirectory state;
  private RunDirectory run;

  @BeforeEach
  void setUp() {
    state = StateDirectory.at(home.resolve("state"));
    run =
        RunDirectory.create(
            state,
            RunId.generate(),
            new Birthmark.Choice.Chosen(mark),
            home.resolve("terrarium-x"));
  }

  @Test
  void rowsOfALedgerWhoseNumbersBelongToStrangersByNowAreNothingToGoBy() {
    try (Strangers strangers = Strangers.start()) {
      List<ProcessIdentity> workers = workers(strangers);
      recordAll(workers);
      workers.forEach(it -> strangers.replace(it.pid()));
      assertThat(cleaned(CleanupPolicy.defaults()).killed()).isZero();
      assertThat(strangers.dead(TIMES)).isEmpty();
      assertThat(audit).isEmpty();
    }
  }

  @Test
  void neitherAreRowsThatAgreeWithStrangersToTheTick() {
    try (Strangers strangers = Strangers.start()) {
      List<ProcessIdentity> workers = workers(strangers);
      workers.forEach(it -> strangers.replace(it.pid()));
      recordAll(workers.stream().map(it -> ProcessIdentity.of(it.pid()).orElseThrow()).toList());
      assertThat(cleaned(CleanupPolicy.defaults()).killed()).isZero();
      assertThat(strangers.dead(TIMES)).isEmpty();
      assertThat(audit).isEmpty();
    }
  }

  @Test
  void theNextStartHitsNobodyWhoGotTheNumberOfWhomItHadFound() {
    try (Strangers strangers = Strangers.start()) {
      List<ProcessIdentity> workers = workers(strangers);
      recordAll(workers);
      cleaned(replacing(strangers));
      assertThat(workers).noneMatch(ProcessIdentity::alive);
      assertThat(strangers.dead(TIMES)).isEmpty();
    }
  }

  @Test
  void theDetectorHitsNobodyWhoGotTheNumberOfWhomItHadFound() {
    try (Strangers strangers = Strangers.start()) {
      List<ProcessIdentity> workers = workers(strangers);
      recordAll(workers);
      run.close();
      new OrphanDetector(state, killer, replacing(strangers)).cleanupOrphanedProcesses();
      assertThat(workers).noneMatch(ProcessIdentity::alive);
      assertThat(strangers.dead(TIMES)).isEmpty();
    }
  }

  @Test
  void theAuditorHitsNobodyWhoGotTheNumberOfWhomItHadSeenTwice() {
    try (Strangers strangers = Strangers.start();
        Events events = new Events("test");
        ProcessRegistry registry = ProcessRegistry.open(run, true)) {
      List<ProcessIdentity> strays = workers(strangers);
      // The first of them gets its signal; before the others get theirs, all are replaced.
      var replacing =
          new ProcessKiller(
              entry -> {
                if (audit.isEmpty()) {
                  strays.forEach(it -> strangers.replace(it.pid()));
                }
                audit.add(entry);
              });
      ProcessAuditor auditor =
          new ProcessAuditor(
              "test", mark, registry, _ -> false, replacing, events, Duration.ofDays(1), () -> {});
      auditor.look();
      assertThat(audit).isEmpty();
      auditor.look();
      assertThat(audit).hasSize(TIMES);
      assertThat(audit).filteredOn(it -> it.outcome().equals("sent")).hasSize(1);
      assertThat(strangers.dead(TIMES)).isEmpty();
    }
    run.allClear();
    run.close();
  }

  /// Has a stranger take the number of each orphan between the moment in which it is found and the
  /// one in which it is signalled.
  private static CleanupPolicy replacing(Strangers strangers) {
    return CleanupPolicy.defaults()
        .withVeto(
            orphan -> {
              strangers.replace(orphan.pid());
              return false;
            });
  }

  private List<ProcessIdentity> workers(Strangers strangers) {
    return LongStream.rangeClosed(1, TIMES)
        .map(number -> strangers.ours(mark.run(), number))
        .mapToObj(pid -> ProcessIdentity.of(pid).orElseThrow())
        .toList();
  }

  private void recordAll(List<ProcessIdentity> workers) {
    try (ProcessRegistry registry = ProcessRegistry.open(run, true)) {
      for (int i = 0; i < workers.size(); i++) {
        ProcessIdentity worker = workers.get(i);
        registry.reserve(ProcessName.worker("a", i + 1), i + 1);
        registry.activate(i + 1, worker.pid(), worker.startTicks(), worker.pid());
      }
    }
  }

  /// What the next start does.
  private CleanupReport cleaned(CleanupPolicy policy) {
    run.close();
    CleanupReport report = new StartupCleanup(state, killer, policy).run();
    assertThat(report.with(Removed.class)).hasSize(1);
    return report;
  }
}
