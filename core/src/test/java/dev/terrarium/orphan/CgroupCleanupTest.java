package dev.terrarium.orphan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.terrarium.CleanupPolicy;
import dev.terrarium.Ending;
import dev.terrarium.OrphanEnding;
import dev.terrarium.orphan.CleanupReport.Incomplete;
import dev.terrarium.orphan.CleanupReport.Removed;
import dev.terrarium.process.AuditLog;
import dev.terrarium.process.Birthmark;
import dev.terrarium.process.DeadTree;
import dev.terrarium.process.Machine;
import dev.terrarium.process.ProcessKiller;
import dev.terrarium.process.RunId;
import dev.terrarium.registry.RunDirectory;
import dev.terrarium.registry.StateDirectory;
import dev.terrarium.testkit.Child;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What a dead run left in its cgroups. Where they are only a file says, so that only a process
/// that bears the run's birthmark is ended there.
@SuppressWarnings("NullAway.Init") // set before each test
final class CgroupCleanupTest {
  @TempDir private Path home;
  private final Birthmark mark = Birthmark.choose().chosen().orElseThrow();
  private StateDirectory state;
  private final List<AuditLog.Entry> audit = new CopyOnWriteArrayList<>();
  private final List<Path> made = new ArrayList<>();

  @BeforeEach
  void setUp() {
    assumeTrue(
        Machine.ownCgroup().filter(Files::isWritable).isPresent(),
        "needs cgroups of version 2 that this user can write");
    state = StateDirectory.at(home.resolve("state"));
  }

  @AfterEach
  void removeWhatIsLeft() throws IOException {
    for (Path cgroup : made.reversed()) {
      Files.deleteIfExists(cgroup);
    }
  }

  private CleanupReport clean(CleanupPolicy policy) {
    var killer = new ProcessKiller(audit::add);
    return new StartupCleanup(state, killer, policy, "test", StartupCleanup.TOTAL_TIMEOUT).run();
  }

  /// A dead run's leaf.
  private Path leaf() throws IOException {
    RunId run = RunId.generate();
    RunDirectory directory = newRun(run);
    Path leaf = makeTree(run);
    directory.recordCgroup(tree(leaf));
    directory.close();
    return leaf;
  }

  private RunDirectory newRun(RunId run) {
    var choice = new Birthmark.Choice.Chosen(mark);
    return RunDirectory.create(state, run, choice, home.resolve("terrarium-x"));
  }

  private Path makeTree(RunId run) throws IOException {
    Path tree = Machine.ownCgroup().orElseThrow().resolve("terrarium-" + run);
    made.add(Files.createDirectory(tree));
    made.add(Files.createDirectory(tree.resolve("1")));
    return made.getLast();
  }

  private static Path tree(Path leaf) {
    return Objects.requireNonNull(leaf.getParent());
  }

  private static void put(Child child, Path cgroup) throws IOException {
    Files.writeString(cgroup.resolve("cgroup.procs"), Long.toString(child.pid()));
  }

  @Test
  void emptyLeavesGoWithTheRun() throws IOException {
    Path leaf = leaf();
    CleanupReport report = clean(CleanupPolicy.defaults());
    assertThat(report.findings()).hasExactlyElementsOfTypes(Removed.class);
    assertThat(tree(leaf)).doesNotExist();
    assertThat(state.runs()).isEmptyDirectory();
    assertThat(audit).isEmpty();
  }

  /// It may have shed its mark, or somebody may have moved it there: nobody can tell.
  @Test
  void whatIsInALeafWithoutABirthmarkIsReportedAndLeftAlone() throws IOException {
    Path leaf = leaf();
    try (Child unmarked = Child.start("sleep", "1000");
        Child orphan = Child.marked(mark.run(), 1, "sleep", "1000")) {
      put(unmarked, leaf);
      put(orphan, leaf);
      var detector =
          new OrphanDetector(state, new ProcessKiller(audit::add), CleanupPolicy.defaults());
      assertThat(detector.findSuspects())
          .anyMatch(
              it -> it.identity().pid() == unmarked.pid() && it.why().contains(tree(leaf) + ""));
      CleanupReport report = clean(CleanupPolicy.defaults());
      assertThat(unmarked.alive()).isTrue();
      assertThat(orphan.alive()).isFalse();
      assertThat(audit).extracting(AuditLog.Entry::pid).containsExactly(orphan.pid());
      assertThat(report.findings())
          .singleElement()
          .matches(it -> it instanceof Incomplete)
          .matches(it -> it.why().contains("pids [" + unmarked.pid() + "]"));
      assertThat(leaf).isDirectory();
    }
    clean(CleanupPolicy.defaults());
    assertThat(state.runs()).isEmptyDirectory();
    assertThat(tree(leaf)).doesNotExist();
  }

  /// What a cgroup had killed stood in no report: `"found": 0`.
  @Test
  void whatIsKilledWithACgroupStandsInReportAndAudit() throws IOException {
    RunId id = RunId.generate();
    RunDirectory directory = newRun(id);
    Path leaf = makeTree(id);
    directory.close();
    var ended = new ArrayList<OrphanEnding>();
    DeadTree tree = DeadTree.of(tree(leaf), id, mark).orElseThrow();
    try (Child orphan = Child.marked(mark.run(), 1, "sleep", "1000");
        var batch = batch(CleanupPolicy.defaults())) {
      put(orphan, leaf);
      assertThat(batch.end(tree, Run.read(directory.path(), directory.manifest()), ended))
          .isEmpty();
      assertThat(orphan.awaitExit()).isEqualTo(128 + 9);
      assertThat(ended)
          .singleElement()
          .matches(
              it ->
                  it.process().pid() == orphan.pid() && it.ending().equals(new Ending.Dead(true)));
      assertThat(audit)
          .singleElement()
          .matches(line -> line.pid() == orphan.pid() && line.proof().startsWith("cgroup "));
    }
    assertThat(tree(leaf)).doesNotExist();
  }

  @Test
  void whomTheVetoSparesIsNotKilledWithItsCgroup() throws IOException {
    RunId id = RunId.generate();
    RunDirectory directory = newRun(id);
    Path leaf = makeTree(id);
    directory.close();
    DeadTree tree = DeadTree.of(tree(leaf), id, mark).orElseThrow();
    try (Child orphan = Child.marked(mark.run(), 1, "sleep", "1000");
        var batch = batch(CleanupPolicy.defaults().withVeto(_ -> true))) {
      put(orphan, leaf);
      Run run = Run.read(directory.path(), directory.manifest());
      assertThat(batch.end(tree, run, new ArrayList<>()))
          .hasValueSatisfying(why -> assertThat(why).contains("spared"));
      assertThat(orphan.alive()).isTrue();
      assertThat(audit).isEmpty();
    }
  }

  private CleanupBatch batch(CleanupPolicy policy) {
    var killer = new ProcessKiller(audit::add);
    return new CleanupBatch(state, killer, policy, "test", Duration.ofSeconds(10));
  }

  /// A link with the right name led to the cgroup of strangers, who were killed.
  @Test
  void aLinkToTheCgroupOfOthersIsNotFollowed() throws IOException {
    RunId id = RunId.generate();
    Path others = makeTree(RunId.generate());
    Path link = Files.createSymbolicLink(home.resolve("terrarium-" + id), tree(others));
    RunDirectory forged = newRun(id);
    forged.recordCgroup(link);
    forged.close();
    try (Child stranger = Child.start("sleep", "1000")) {
      put(stranger, others);
      CleanupReport report = clean(CleanupPolicy.defaults());
      assertThat(report.findings()).hasExactlyElementsOfTypes(Removed.class);
      assertThat(stranger.alive()).isTrue();
    }
    assertThat(others).isDirectory();
    assertThat(audit).isEmpty();
  }

  @Test
  void aPathThatCannotBeTheRunsIsNotTouched() throws IOException {
    Path others = makeTree(RunId.generate());
    RunDirectory forged = newRun(RunId.generate());
    forged.recordCgroup(tree(others));
    forged.close();
    try (Child stranger = Child.start("sleep", "1000")) {
      put(stranger, others);
      CleanupReport report = clean(CleanupPolicy.defaults());
      assertThat(report.findings()).hasExactlyElementsOfTypes(Removed.class);
      assertThat(stranger.alive()).isTrue();
    }
    assertThat(others).isDirectory();
    assertThat(audit).isEmpty();
  }
}
