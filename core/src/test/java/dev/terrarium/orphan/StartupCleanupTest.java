package dev.terrarium.orphan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.awaitility.Awaitility.await;

import dev.terrarium.CleanupPolicy;
import dev.terrarium.OrphanEnding;
import dev.terrarium.OrphanProcess;
import dev.terrarium.OrphanProcess.Kind;
import dev.terrarium.OrphanProcess.Recorded;
import dev.terrarium.orphan.CleanupReport.InUse;
import dev.terrarium.orphan.CleanupReport.Postponed;
import dev.terrarium.orphan.CleanupReport.Removed;
import dev.terrarium.orphan.RunState.Foreign;
import dev.terrarium.orphan.RunState.Live;
import dev.terrarium.orphan.RunState.Unreadable;
import dev.terrarium.process.Birthmark;
import dev.terrarium.process.ProcessName;
import dev.terrarium.process.RunId;
import dev.terrarium.registry.DeadRun;
import dev.terrarium.registry.ProcessRegistry;
import dev.terrarium.registry.RunDirectory;
import dev.terrarium.registry.StateDirectory;
import dev.terrarium.testkit.Child;
import dev.terrarium.testkit.Jvm;
import dev.terrarium.testkit.Procs;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class StartupCleanupTest extends CleaningUp {
  /// A host with a run, whose workers it would leave behind.
  static final class Host {
    public static void main(String[] arguments) throws InterruptedException {
      StateDirectory state = StateDirectory.at(Path.of(arguments[0]));
      Birthmark.Choice mark = Birthmark.choose();
      Path sockets = state.path().resolve("terrarium-" + RunId.generate());
      RunDirectory run = RunDirectory.create(state, RunId.generate(), mark, sockets);
      sockets.toFile().mkdir();
      System.out.println("run " + run.path());
      System.out.println("mark " + mark.chosen().orElseThrow().run());
      Thread.sleep(Long.MAX_VALUE);
    }
  }

  @Test
  void killsWhatAKilledHostLeftAndRemovesItsTraces() {
    try (Jvm host = startHost()) {
      Path directory = Path.of(host.awaitLine("run "));
      long mark = Long.parseLong(host.awaitLine("mark "));
      try (Child orphan = Child.marked(mark, 1, "sleep", "1000");
          Child stranger = Child.start("sleep", "1000")) {
        host.kill();
        host.awaitExit();
        CleanupReport report = clean();
        assertThat(report.with(Removed.class)).hasSize(1);
        assertThat(report.killed()).isEqualTo(1);
        assertThat(report.left()).isEmpty();
        assertThat(orphan.alive()).isFalse();
        assertThat(stranger.alive()).isTrue();
        assertThat(audit).singleElement().matches(entry -> entry.pid() == orphan.pid());
        assertThat(directory).doesNotExist();
        assertThat(state.path()).isDirectoryNotContaining("glob:**/terrarium-*");
      }
    }
  }

  @Test
  void doesNotTouchALivingHost() {
    try (Jvm host = startHost()) {
      Path directory = Path.of(host.awaitLine("run "));
      long mark = Long.parseLong(host.awaitLine("mark "));
      try (Child worker = Child.marked(mark, 1, "sleep", "1000")) {
        host.pause(); // a host that stands still is not dead
        await().until(() -> Procs.state(host.pid()).orElse('?') == 'T');
        CleanupReport report = clean();
        assertThat(fates(report)).containsExactly(InUse.class);
        assertThat(worker.alive()).isTrue();
        assertThat(directory).exists();
      }
    }
  }

  @Test
  void doesNotTouchTheOwnRun() {
    RunDirectory own = newRun(Birthmark.choose());
    assertThat(fates(clean())).containsExactly(InUse.class);
    own.allClear();
    own.close();
  }

  @Test
  void sharesTheWorkAmongHostsThatStartAtOnce() {
    var orphans = new ArrayList<Child>();
    for (int i = 0; i < 10; i++) {
      Birthmark.Choice mark = Birthmark.choose();
      newRun(mark).close();
      orphans.add(Child.marked(mark.chosen().orElseThrow().run(), 1, "sleep", "1000"));
    }
    List<CleanupReport> reports =
        Stream.generate(() -> CompletableFuture.supplyAsync(this::clean)).limit(4).toList().stream()
            .map(CompletableFuture::join)
            .toList();
    assertThat(orphans).noneMatch(Child::alive);
    assertThat(reports.stream().mapToLong(CleanupReport::killed).sum()).isEqualTo(10);
    assertThat(reports).allMatch(report -> report.left().isEmpty());
    assertThat(clean().findings()).isEmpty();
  }

  @Test
  void leavesRunsOfOtherUsersAndNamespacesAlone() throws IOException {
    rewrite(newRun(Birthmark.choose()), "\"uid\":\\d+", "\"uid\":4242");
    rewrite(newRun(Birthmark.choose()), "pid:\\[\\d+]", "pid:[1]");
    assertThat(fates(clean())).containsOnly(Foreign.class).hasSize(2);
    assertThat(state.runs().toFile().list()).hasSize(2);
  }

  @Test
  void onlyRemovesTheTracesOfAnotherBoot() throws IOException {
    Birthmark.Choice mark = Birthmark.choose();
    rewrite(newRun(mark), "\"boot\":\"[^\"]+\"", "\"boot\":\"another\"");
    long number = mark.chosen().orElseThrow().run();
    try (Child child = Child.marked(number, 1, "sleep", "1000")) {
      assertThat(fates(clean())).containsExactly(Removed.class);
      assertThat(child.alive()).isTrue();
      assertThat(state.runs()).isEmptyDirectory();
    }
  }

  @Test
  void touchesNobodyForARunWithoutABirthmark() {
    RunDirectory run = newRun(new Birthmark.Choice.Unavailable("no room"));
    try (ProcessRegistry registry = ProcessRegistry.open(run, true);
        Child named = Child.start("sleep", "1000")) {
      registry.reserve(ProcessName.worker("a", 1), 1);
      registry.activate(1, named.pid(), ticks(named), named.pid());
      run.close();
      assertThat(fates(clean())).containsExactly(Unreadable.class);
      assertThat(named.alive()).isTrue();
    }
  }

  @Test
  void tellsRecordedWorkersFromReservedOnesAndFromWhatStandsInNoRow() {
    Birthmark.Choice mark = Birthmark.choose();
    long number = mark.chosen().orElseThrow().run();
    RunDirectory run = newRun(mark);
    try (ProcessRegistry registry = ProcessRegistry.open(run, true);
        Child activated = Child.marked(number, 1, "sleep", "1000");
        Child itsChild = Child.marked(number, 1, "sleep", "1000");
        Child reserved = Child.marked(number, 2, "sleep", "1000");
        Child unrecorded = Child.marked(number, 3, "sleep", "1000")) {
      registry.reserve(ProcessName.worker("a", 1), 1);
      registry.reserve(ProcessName.worker("a", 2), 2);
      registry.activate(1, activated.pid(), ticks(activated), activated.pid());
      run.close();
      CleanupReport report = clean();
      assertThat(report.killed()).isEqualTo(4);
      assertThat(report.found(Recorded.ACTIVATED)).isEqualTo(2);
      assertThat(report.found(Recorded.RESERVED)).isEqualTo(1);
      assertThat(report.found(Recorded.NOT_AT_ALL)).isEqualTo(1);
      assertThat(kindOf(report, activated)).isEqualTo(Kind.WORKER);
      assertThat(kindOf(report, itsChild)).isEqualTo(Kind.CHILD);
      assertThat(kindOf(report, reserved)).isEqualTo(Kind.WORKER);
      assertThat(kindOf(report, unrecorded)).isEqualTo(Kind.CHILD);
    }
  }

  private static Kind kindOf(CleanupReport report, Child child) {
    return report.found().stream()
        .map(OrphanEnding::process)
        .filter(process -> process.pid() == child.pid())
        .map(OrphanProcess::kind)
        .findFirst()
        .orElseThrow();
  }

  /// Each line of the ledger says whose it is, and has a checksum; the description has none.
  @ParameterizedTest
  @ValueSource(
      strings = {"", "{", "\"birthmark\":=\"birthmurk\":", "\"birthmark\":1=\"birthmark\":2"})
  void endsWhatARunLeftWhoseDescriptionIsDamaged(String damage) throws IOException {
    Birthmark.Choice mark = Birthmark.choose();
    RunDirectory run = newRun(mark);
    try (ProcessRegistry ledger = ProcessRegistry.open(run, true)) {
      ledger.reserve(ProcessName.worker("a", 1), 1);
    }
    run.close();
    Path file = run.path().resolve("run.json");
    String text = Files.readString(file);
    String[] change = damage.split("=", -1);
    Files.writeString(file, change.length < 2 ? damage : text.replace(change[0], change[1]));
    try (Child orphan = Child.marked(mark.chosen().orElseThrow().run(), 1, "sleep", "1000")) {
      assertThat(clean().killed()).isEqualTo(1);
      assertThat(orphan.alive()).isFalse();
      assertThat(run.path()).doesNotExist();
    }
  }

  @Test
  void takesNoLookForTheHolderOfALock() throws Exception {
    RunDirectory run = newRun(Birthmark.choose());
    run.close();
    var over = new AtomicBoolean();
    Thread looking =
        Thread.ofPlatform()
            .start(
                () -> {
                  while (!over.get()) {
                    assertThatCode(() -> RunDirectory.isLocked(run.path()))
                        .doesNotThrowAnyException();
                  }
                });
    for (int i = 0; i < 500; i++) {
      try (DeadRun dead = RunDirectory.tryLockDead(run.path()).orElseThrow()) {
        assertThat(dead.path()).isEqualTo(run.path());
      }
    }
    over.set(true);
    looking.join();
  }

  @ParameterizedTest
  @ValueSource(strings = {"run.json", "ledger.jsonl", "cgroup", "lock"})
  void waitsForNobodyWhoWouldWriteToAPipe(String name) throws Exception {
    RunDirectory run = newRun(Birthmark.choose());
    run.close();
    Path file = run.path().resolve(name);
    Files.deleteIfExists(file);
    try (Child made = Child.start("mkfifo", file.toString())) {
      assertThat(made.awaitExit()).isZero();
    }
    assertThat(clean().findings()).hasSize(1);
  }

  @Test
  void leavesARunAloneWhoseLockIsFreeButWhoseWardenWorksUnderItsHost() {
    RunDirectory run = newRun(Birthmark.choose());
    run.close();
    long mark = run.manifest().identity().birthmark().orElseThrow().run();
    try (Child warden = Child.marked(mark, 0, "sleep", "1000")) {
      assertThat(fates(clean())).containsExactly(Live.class);
      assertThat(warden.alive()).isTrue();
    }
  }

  @Test
  void keepsTheAuditOfARunThatGoes() throws IOException {
    RunDirectory run = newRun(Birthmark.choose());
    run.close();
    Files.writeString(run.path().resolve("audit.jsonl"), "{\"pid\":1}\n");
    Files.writeString(run.path().resolve("audit.jsonl.1"), "{\"pid\":0}\n");
    clean();
    assertThat(run.path()).doesNotExist();
    assertThat(state.path().resolve("audit.jsonl")).hasContent("{\"pid\":0}\n{\"pid\":1}\n");
  }

  @Test
  void keepsWhatItCannotUnderstandAndSaysSo() throws IOException {
    RunDirectory run = newRun(Birthmark.choose());
    run.close();
    Files.writeString(run.path().resolve("run.json"), "nonsense");
    CleanupReport report = clean();
    assertThat(fates(report)).containsExactly(Unreadable.class);
    assertThat(report.findings()).allMatch(it -> it.why().contains("run.json"));
    assertThat(run.path()).exists();
  }

  @Test
  void finishesARemovalThatWasCutShort() throws IOException {
    RunDirectory run = newRun(Birthmark.choose());
    run.close();
    Files.delete(run.path().resolve("run.json"));
    Files.createDirectory(state.runs().resolve("s59m65f"));
    assertThat(clean().with(Removed.class)).hasSize(2);
    assertThat(state.runs()).isEmptyDirectory();
  }

  @Test
  void removesOldDirectoriesThatWereNeverCompleted() throws IOException {
    Path old = Files.createDirectory(state.runs().resolve(".tmp-old"));
    Path fresh = Files.createDirectory(state.runs().resolve(".tmp-fresh"));
    Files.setLastModifiedTime(old, FileTime.from(Instant.now().minusSeconds(3600)));
    clean();
    assertThat(old).doesNotExist();
    assertThat(fresh).exists();
  }

  @Test
  void leavesToTheNextStartWhatTheTimeDoesNotAllow() {
    newRun(Birthmark.choose()).close();
    CleanupReport report = cleanup(CleanupPolicy.defaults(), Duration.ZERO).run();
    assertThat(fates(report)).containsExactly(Postponed.class);
    assertThat(clean().with(Removed.class)).hasSize(1);
  }

  @Test
  void removesManyDeadRunsAtOnce() {
    for (int i = 0; i < 2 * StartupCleanup.BATCH_RUNS_MAX + 1; i++) {
      newRun(Birthmark.choose()).close();
    }
    assertThat(clean().with(Removed.class)).hasSize(2 * StartupCleanup.BATCH_RUNS_MAX + 1);
    assertThat(state.runs()).isEmptyDirectory();
  }

  private Jvm startHost() {
    return Jvm.start(Host.class, state.path().toString());
  }

  private static void rewrite(RunDirectory run, String pattern, String text) throws IOException {
    run.close();
    Path file = run.path().resolve("run.json");
    String changed = Files.readString(file).replaceFirst(pattern, text);
    Files.writeString(file, changed);
  }
}
