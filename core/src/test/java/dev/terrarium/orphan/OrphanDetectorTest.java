package dev.terrarium.orphan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;
import static org.awaitility.Awaitility.await;

import dev.terrarium.CleanupPolicy;
import dev.terrarium.OrphanProcess;
import dev.terrarium.orphan.SystemStatus.Health;
import dev.terrarium.process.AuditLog;
import dev.terrarium.process.Birthmark;
import dev.terrarium.process.ProcessIdentity;
import dev.terrarium.process.ProcessKiller;
import dev.terrarium.process.ProcessName;
import dev.terrarium.process.RunId;
import dev.terrarium.registry.ProcessRegistry;
import dev.terrarium.registry.RunDirectory;
import dev.terrarium.registry.StateDirectory;
import dev.terrarium.registry.WorkerRow;
import dev.terrarium.testkit.Child;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Timeout(60)
final class OrphanDetectorTest {
  @TempDir private Path home;
  private StateDirectory state;
  private final List<AuditLog.Entry> audit = new CopyOnWriteArrayList<>();
  private OrphanDetector detector;

  @BeforeEach
  void setUp() {
    state = StateDirectory.at(home.resolve("state"));
    detector = new OrphanDetector(state, new ProcessKiller(audit::add), CleanupPolicy.defaults());
  }

  @Test
  void findsWhatADeadRunLeftAndTouchesNothing() {
    Run dead = run();
    dead.die();
    try (Child orphan = dead.child(1)) {
      OrphanProcess found = single(detector.findOrphanedProcesses());
      assertThat(found.pid()).isEqualTo(orphan.pid());
      assertThat(found.run()).isEqualTo(dead.id());
      assertThat(found.command()).containsExactly("sleep", "1000");
      assertThat(found.since()).isBefore(Instant.now().plusSeconds(2));
      assertThat(found.proof()).contains(Long.toString(dead.mark()));
      assertThat(orphan.alive()).isTrue();
      assertThat(audit).isEmpty();
      assertThat(dead.directory().path()).exists();
    }
  }

  @Test
  void takesNobodyForAnOrphanWhoseRunLives() {
    Run live = run();
    try (Child worker = live.child(1)) {
      assertThat(detector.findOrphanedProcesses()).isEmpty();
      assertThat(detector.cleanupOrphanedProcesses().found()).isZero();
      assertThat(worker.alive()).isTrue();
    }
    live.end();
  }

  @Test
  void endsOrphansAndSaysHowManyWorkersItKept() {
    Run dead = run();
    dead.die();
    Run live = run();
    try (Child first = dead.child(1);
        Child second = dead.child(2);
        Child worker = live.child(1)) {
      live.record(1, worker);
      OrphanDetector.Cleanup cleanup = detector.cleanupOrphanedProcesses();
      assertThat(cleanup.found()).isEqualTo(2);
      assertThat(cleanup.terminated()).isEqualTo(2);
      assertThat(cleanup.errors()).isZero();
      assertThat(cleanup.preservedActive()).isEqualTo(1);
      assertThat(cleanup.details())
          .extracting(it -> it.process().pid())
          .containsExactlyInAnyOrder(first.pid(), second.pid());
      assertThat(worker.alive()).isTrue();
    }
    live.end();
  }

  @Test
  void saysWhatThereIsOfOurs() {
    Run dead = run();
    dead.die();
    Run live = run();
    try (Child orphan = dead.child(1);
        Child worker = live.child(1);
        Child itsChild = live.child(1);
        Child zygote = live.child(2)) {
      live.record(1, worker);
      live.registry().reserve(ProcessName.zygote("a", 1), 2);
      live.registry().activate(2, zygote.pid(), ticks(zygote), zygote.pid());
      live.registry().reserve(ProcessName.worker("a", 2), 3);
      SystemStatus status = detector.systemStatus();
      assertThat(status.registry())
          .isEqualTo(new SystemStatus.Registry(2, 1, 1, List.of(worker.pid())));
      assertThat(status.orphanedProcesses()).isEqualTo(1);
      assertThat(status.totalWorkerProcesses()).isEqualTo(3);
      assertThat(status.health()).isEqualTo(Health.CRITICAL);
      assertThat(single(status.orphanDetails()).pid()).isEqualTo(orphan.pid());
      assertThat(itsChild.alive()).isTrue();
    }
    live.end();
  }

  @Test
  void showsEverythingInOneLook() {
    Run dead = run();
    dead.die();
    Run live = run();
    try (Child orphan = dead.child(1);
        Child worker = live.child(1);
        Child named = Child.marked((1L << 60) + 99, 1, "sleep", "1000")) {
      live.record(1, worker);
      Overview overview = detector.overview();
      assertThat(overview.status().orphanDetails())
          .extracting(OrphanProcess::pid)
          .containsExactly(orphan.pid());
      assertThat(overview.runs())
          .extracting(KnownRun::id, KnownRun::state)
          .containsExactlyInAnyOrder(
              tuple(dead.id(), new RunState.Dead(new Birthmark(dead.mark()), "its lock is free")),
              tuple(live.id(), new RunState.Live("its lock is held")));
      assertThat(overview.active())
          .extracting(Overview.Active::pid, Overview.Active::kind, Overview.Active::run)
          .containsExactly(tuple(worker.pid(), OrphanProcess.Kind.WORKER, live.id()));
      assertThat(overview.active().getFirst().residentBytes()).isPositive();
      assertThat(overview.suspects())
          .filteredOn(it -> it.identity().pid() == named.pid())
          .singleElement()
          .matches(it -> it.mark().equals(Optional.of(new Birthmark((1L << 60) + 99))));
      assertThat(detector.runs()).isEqualTo(overview.runs());
    }
    live.end();
  }

  @Test
  void believesAHostThatWasAskedMoreThanItsFile() {
    Run live = run();
    try (Child worker = live.child(1)) {
      live.record(1, worker);
      List<WorkerRow> told = live.registry().listAllWorkers();
      live.registry().release(1); // and so it is not in the file any more
      assertThat(detector.systemStatus().registry().totalRegistered()).isZero();
      assertThat(detector.told(Map.of(live.directory().path(), told)).systemStatus().registry())
          .isEqualTo(new SystemStatus.Registry(1, 1, 0, List.of(worker.pid())));
    }
    live.end();
  }

  @Test
  void findsNothingWhereNothingEverRan() {
    Path nowhere = home.resolve("not/there");
    var there =
        new OrphanDetector(
            StateDirectory.locate(nowhere),
            new ProcessKiller(audit::add),
            CleanupPolicy.defaults());
    assertThat(there.runs()).isEmpty();
    assertThat(there.findOrphanedProcesses()).isEmpty();
    assertThat(there.cleanupOrphanedProcesses().found()).isZero();
    assertThat(nowhere).doesNotExist();
  }

  @ParameterizedTest
  @CsvSource({
    "0,0,HEALTHY",
    "0,9,HEALTHY",
    "1,11,GOOD",
    "1,10,DEGRADED",
    "3,11,DEGRADED",
    "3,10,CRITICAL",
    "1,1,CRITICAL"
  })
  void isAsHealthyAsFewOrphansThereAre(int orphans, int total, Health health) {
    assertThat(Health.of(orphans, total)).isEqualTo(health);
  }

  @Test
  void onlyReportsWhatBearsAMarkThatIsNotKnownHere() {
    try (Child ofAnotherHome = Child.marked((1L << 60) + 99, 1, "sleep", "1000")) {
      List<OrphanDetector.Suspect> suspects = detector.findSuspects();
      assertThat(suspects).extracting(it -> it.identity().pid()).contains(ofAnotherHome.pid());
      detector.cleanupOrphanedProcesses();
      assertThat(ofAnotherHome.alive()).isTrue();
    }
  }

  /// As with two services on one machine: the host of a run that has no directory here lives.
  @Test
  void tellsWhatAnotherInstallationLooksAfterFromSuspects() {
    Birthmark mark = Birthmark.choose().chosen().orElseThrow();
    String[] warden = {"python3", "-I", "-S", "-c", ForgedFilesTest.WATCHES_ITS_PARENT};
    try (Child itsWarden = Child.marked(mark.run(), 0, warden);
        Child worker = Child.marked(mark.run(), 1, "sleep", "1000")) {
      await().until(() -> Birthmark.watched().contains(mark));
      Overview overview = detector.overview();
      assertThat(overview.others())
          .filteredOn(it -> it.process().mark().equals(Optional.of(mark)))
          .allMatch(it -> it.home().isEmpty())
          .allMatch(it -> it.process().why().endsWith("and its host lives"))
          .extracting(it -> it.process().identity().pid())
          .containsExactlyInAnyOrder(itsWarden.pid(), worker.pid());
      assertThat(overview.suspects()).noneMatch(it -> it.mark().equals(Optional.of(mark)));
      assertThat(detector.findSuspects()).noneMatch(it -> it.mark().equals(Optional.of(mark)));
    }
  }

  /// Nobody looks after it any more, as far as can be told.
  @Test
  void takesWhatHasNoHostForASuspectWhereverItsStateIs() {
    Birthmark mark = Birthmark.choose().chosen().orElseThrow();
    try (Child left = Child.marked(mark.run(), 1, "sleep", "1000")) {
      Overview overview = detector.overview();
      assertThat(overview.suspects())
          .filteredOn(it -> it.mark().equals(Optional.of(mark)))
          .extracting(it -> it.identity().pid())
          .containsExactly(left.pid());
      assertThat(overview.others()).noneMatch(it -> it.process().mark().equals(Optional.of(mark)));
    }
  }

  @Test
  void takesARunIdOnACommandLineForNothingButALook() {
    try (Child named =
        Child.start(
            "python3", "-c", "import time; time.sleep(1000)", "--snakepit-run-id", "s59m65f")) {
      await()
          .until(
              () ->
                  detector.findSuspects().stream()
                      .anyMatch(it -> it.identity().pid() == named.pid()));
      assertThat(detector.findOrphanedProcesses()).isEmpty();
      detector.cleanupOrphanedProcesses();
      assertThat(named.alive()).isTrue();
      assertThat(audit).isEmpty();
    }
  }

  @Test
  void touchesNoRunOfAnotherUser() throws IOException {
    Run other = run();
    other.die();
    Path file = other.directory().path().resolve("run.json");
    Files.writeString(file, Files.readString(file).replaceFirst("\"uid\":\\d+", "\"uid\":4242"));
    try (Child child = other.child(1)) {
      assertThat(detector.findOrphanedProcesses()).isEmpty();
      assertThat(detector.findSuspects()).anyMatch(it -> it.why().contains("user 4242"));
      detector.cleanupOrphanedProcesses();
      assertThat(child.alive()).isTrue();
    }
  }

  @Test
  void leavesTheLockOfALivingRunHeldWhateverItLooksAt() throws IOException {
    Run live = run();
    live.registry().reserve(ProcessName.worker("a", 1), 1);
    detector.findOrphanedProcesses();
    detector.findSuspects();
    detector.systemStatus();
    detector.validateDetection();
    detector.cleanupOrphanedProcesses();
    ProcessRegistry.read(live.directory().path());
    assertThat(RunDirectory.isLocked(live.directory().path())).isTrue();
    assertThat(RunDirectory.tryLockDead(live.directory().path())).isEmpty();
    live.end();
  }

  @Test
  void triesItselfOutOnAProcessOfItsOwn() {
    Run live = run();
    try (Child worker = live.child(1)) {
      DetectionCheck.Validation validation = detector.validateDetection();
      assertThat(validation.selfTest()).isEqualTo(new DetectionCheck.SelfTest.Passed());
      assertThat(validation.status()).isEqualTo(DetectionCheck.Status.OK);
      assertThat(validation.verdicts())
          .singleElement()
          .matches(it -> it.pid() == worker.pid() && it.proved());
      assertThat(validation.machine())
          .extracting("name")
          .containsExactly(
              "pidfd", "proc", "birthmark", "cgroup_v2", "subreaper", "user_namespaces");
      // First refused for the lack of the mark, then ended.
      assertThat(audit).extracting(AuditLog.Entry::outcome).hasSize(2).last().isEqualTo("sent");
    }
    live.end();
  }

  @Test
  void noticesAProcessOfALivingRunThatDoesNotDescendFromItsHost() {
    Run live = run();
    // Its parent ends at once, so that it belongs to whoever takes in orphans here.
    try (Child parent =
        Child.marked(live.mark(), 1, "sh", "-c", "sleep 1000 & read x < /dev/null")) {
      parent.awaitExit();
      DetectionCheck.Validation validation = detector.validateDetection();
      assertThat(validation.status()).isEqualTo(DetectionCheck.Status.SUSPICIOUS);
    } finally {
      var mark = new Birthmark(live.mark());
      new ProcessKiller(audit::add).sweep(mark, "end of test", java.time.Duration.ofSeconds(5));
    }
    live.end();
  }

  @Test
  void knowsAWardenByItsMark() {
    Run dead = run();
    dead.die();
    try (Child parent = dead.child(1);
        Child inner =
            Child.start(
                "prlimit", "--rttime=" + dead.mark() + ":" + dead.mark(), "sleep", "1000")) {
      assertThat(parent.alive()).isTrue();
      assertThat(inner.alive()).isTrue();
      // The host is this JVM, and lives: with a warden below it the run counts as alive.
      await().until(() -> detector.findOrphanedProcesses().isEmpty());
    }
  }

  @Test
  void takesARunForAliveWhoseLockIsHeldWhateverItsDescriptionSays() throws IOException {
    Run live = run();
    Path file = live.directory().path().resolve("run.json");
    String text = Files.readString(file);
    Files.writeString(file, "");
    assertThat(single(detector.runs()).state()).isInstanceOf(RunState.Live.class);
    try (Child worker = live.child(1)) {
      live.record(1, worker); // from now on the ledger says whose it is
      assertThat(detector.findSuspects()) // others may run on this machine
          .extracting(it -> it.identity().pid())
          .doesNotContain(worker.pid());
      assertThat(detector.findOrphanedProcesses()).isEmpty();
      assertThat(detector.systemStatus().registry().activePids()).hasSize(1);
    }
    Files.writeString(file, text);
    live.end();
  }

  private static <T> T single(List<T> all) {
    assertThat(all).hasSize(1);
    return all.getFirst();
  }

  private static long ticks(Child child) {
    return ProcessIdentity.of(child.pid()).orElseThrow().startTicks();
  }

  /// A run of this JVM, as a host has it.
  private record Run(String id, long mark, RunDirectory directory, ProcessRegistry registry) {
    Child child(long worker) {
      return Child.marked(mark, worker, "sleep", "1000");
    }

    void record(long number, Child child) {
      registry.reserve(ProcessName.worker("a", number), number);
      registry.activate(number, child.pid(), ticks(child), child.pid());
    }

    void die() {
      registry.close();
      directory.close();
    }

    void end() {
      directory.allClear();
      die();
    }
  }

  private Run run() {
    RunId id = RunId.generate();
    Birthmark.Choice mark = Birthmark.choose();
    RunDirectory directory = RunDirectory.create(state, id, mark, home.resolve("terrarium-" + id));
    ProcessRegistry registry = ProcessRegistry.open(directory, true);
    return new Run(id.value(), mark.chosen().orElseThrow().run(), directory, registry);
  }
}
