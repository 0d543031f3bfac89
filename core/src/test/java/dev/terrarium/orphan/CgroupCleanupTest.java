package dev.terrarium.orphan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.terrarium.CleanupPolicy;
import dev.terrarium.orphan.CleanupReport.Fate;
import dev.terrarium.process.AuditLog;
import dev.terrarium.process.Birthmark;
import dev.terrarium.process.Machine;
import dev.terrarium.process.ProcessKiller;
import dev.terrarium.process.RunId;
import dev.terrarium.registry.RunDirectory;
import dev.terrarium.registry.StateDirectory;
import dev.terrarium.testkit.Child;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What a dead run left in its cgroups: empty directories, and processes that shed their birthmark.
@SuppressWarnings("NullAway.Init") // set before each test
final class CgroupCleanupTest {
  @TempDir private Path home;
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
    return RunDirectory.create(state, run, Birthmark.choose(), home.resolve("terrarium-x"));
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
    assertThat(report.findings()).extracting("fate").containsExactly(Fate.CLEANED);
    assertThat(tree(leaf)).doesNotExist();
    assertThat(state.runs()).isEmptyDirectory();
    assertThat(audit).isEmpty();
  }

  @Test
  void whatIsInALeafWithoutABirthmarkIsKilledAsTheLastWord() throws IOException {
    Path leaf = leaf();
    try (Child shed = Child.start("sleep", "1000");
        Child stranger = Child.start("sleep", "1000")) {
      put(shed, leaf);
      clean(CleanupPolicy.defaults());
      assertThat(shed.awaitExit()).isEqualTo(128 + 9);
      assertThat(stranger.alive()).isTrue();
      assertThat(audit)
          .singleElement()
          .matches(line -> line.pid() == shed.pid() && line.proof().startsWith("cgroup "));
    }
    assertThat(tree(leaf)).doesNotExist();
    assertThat(state.runs()).isEmptyDirectory();
  }

  @Test
  void whomTheVetoSparesKeepsTheRunAndItsCgroup() throws IOException {
    Path leaf = leaf();
    try (Child shed = Child.start("sleep", "1000")) {
      put(shed, leaf);
      var policy =
          CleanupPolicy.defaults()
              .withVeto(it -> it.pid() == shed.pid() && it.proof().startsWith("is in /"));
      CleanupReport report = clean(policy);
      assertThat(report.findings())
          .singleElement()
          .matches(it -> it.fate() == Fate.LEFT && it.detail().contains("cgroups are not empty"));
      assertThat(shed.alive()).isTrue();
      assertThat(leaf).isDirectory();
    }
    clean(CleanupPolicy.defaults());
    assertThat(state.runs()).isEmptyDirectory();
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
      assertThat(report.findings()).extracting("fate").containsExactly(Fate.CLEANED);
      assertThat(stranger.alive()).isTrue();
    }
    assertThat(others).isDirectory();
    assertThat(audit).isEmpty();
  }
}
