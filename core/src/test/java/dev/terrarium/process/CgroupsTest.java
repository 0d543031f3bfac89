package dev.terrarium.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.terrarium.StartFailedException;
import dev.terrarium.testkit.Child;
import dev.terrarium.testkit.Procs;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;

final class CgroupsTest {
  private final RunId run = RunId.generate();
  private final List<AuditLog.Entry> audit = new CopyOnWriteArrayList<>();
  private final Cgroups cgroups = new Cgroups(run, new ProcessKiller(audit::add));

  private static Path base() {
    assumeTrue(
        Machine.ownCgroup().filter(Files::isWritable).isPresent(),
        "needs cgroups of version 2 that this user can write");
    return Machine.ownCgroup().orElseThrow();
  }

  private static void put(Child child, Path cgroup) throws IOException {
    Files.writeString(cgroup.resolve("cgroup.procs"), Long.toString(child.pid()));
  }

  @Test
  void theTreeIsWrittenDownBeforeItIsMadeAndGoneAfterwards() {
    Path expected = base().resolve("terrarium-" + run);
    var told = new ArrayList<Path>();
    Path tree =
        cgroups.require(
            Set.of(),
            path -> {
              assertThat(path).doesNotExist();
              told.add(path);
            });
    assertThat(cgroups.require(Set.of(), told::add)).isEqualTo(tree).isEqualTo(expected);
    assertThat(told).containsExactly(tree);
    assertThat(tree).isDirectory();
    assertThat(cgroups.close("test")).isTrue();
    assertThat(tree).doesNotExist();
    assertThatThrownBy(() -> cgroups.require(Set.of(), told::add))
        .isInstanceOf(StartFailedException.class);
  }

  @Test
  void whatIsInALeafIsKilledAndEachOfItIsWrittenDown() throws IOException {
    Path tree = makeTree();
    Path leaf = Files.createDirectory(tree.resolve("1"));
    Path below = Files.createDirectory(leaf.resolve("made-by-the-worker"));
    try (Child one = Child.start("sleep", "1000");
        Child other = Child.start("sleep", "1000");
        Child stranger = Child.start("sleep", "1000")) {
      put(one, leaf);
      put(other, below);
      assertThat(Procs.cgroup(one.pid()).orElseThrow()).endsWith("terrarium-" + run + "/1");
      assertThat(cgroups.clear(_ -> true, "a test")).isEqualTo(2);
      assertThat(one.awaitExit()).isEqualTo(128 + 9);
      assertThat(other.awaitExit()).isEqualTo(128 + 9);
      assertThat(audit).extracting("pid").containsExactlyInAnyOrder(one.pid(), other.pid());
      assertThat(audit)
          .allMatch(line -> line.why().equals("a test") && line.outcome().equals("sent"))
          .allMatch(line -> line.proof().equals("cgroup " + leaf));
      assertThat(stranger.alive()).isTrue();
      assertThat(leaf).doesNotExist();
      assertThat(tree).isDirectory();
    }
    assertThat(cgroups.clear(_ -> true, "nobody is there")).isZero();
    assertThat(audit).hasSize(2);
    assertThat(cgroups.close("test")).isTrue();
    assertThat(tree).doesNotExist();
  }

  @Test
  void whatOtherWardensLookAfterIsLeftAlone() throws IOException {
    Path tree = makeTree();
    var other = new Realm(7);
    Path ours = Files.createDirectory(tree.resolve("1"));
    Path theirs = Files.createDirectory(tree.resolve(Long.toString(other.worker(2))));
    Path nobodys = Files.createDirectory(tree.resolve("made-by-the-worker"));
    try (Child one = Child.start("sleep", "1000");
        Child neighbour = Child.start("sleep", "1000")) {
      put(one, ours);
      put(neighbour, theirs);
      assertThat(cgroups.clear(realm -> !realm.equals(other), "a test")).isEqualTo(1);
      assertThat(one.awaitExit()).isEqualTo(128 + 9);
      assertThat(neighbour.alive()).isTrue();
      assertThat(ours).doesNotExist();
      assertThat(nobodys).doesNotExist();
      assertThat(theirs).isDirectory();
      assertThat(cgroups.clear(other::equals, "a test")).isEqualTo(1);
      assertThat(neighbour.awaitExit()).isEqualTo(128 + 9);
    }
    assertThat(cgroups.close("test")).isTrue();
  }

  private Path makeTree() {
    Path base = base();
    Path tree = cgroups.require(Set.of(), _ -> {});
    assertThat(tree).startsWith(base);
    return tree;
  }

  @Test
  void controllersArePassedOnToTheLeaves() throws IOException {
    Path base = base();
    String offered = Files.readString(base.resolve("cgroup.controllers")).strip();
    Path control = base.resolve("cgroup.subtree_control");
    String before = Files.readString(control).strip();
    String controller =
        List.of(offered.split(" ", -1)).stream()
            .filter(it -> !it.isEmpty() && !before.contains(it))
            .findFirst()
            .orElse("");
    assumeTrue(!controller.isEmpty(), "needs a controller that is not passed on yet");
    assumeTrue(Procs.cgroup(ProcessHandle.current().pid()).orElse("").equals("/"), "is in no root");
    Path tree = cgroups.require(Set.of(controller), _ -> {});
    try {
      Path leaf = Files.createDirectory(tree.resolve("1"));
      assertThat(leaf.resolve("cgroup.controllers")).content().contains(controller);
    } finally {
      assertThat(cgroups.close("test")).isTrue();
      Files.writeString(control, "-" + controller);
    }
  }

  @Test
  void onlyAPathWithTheRunsNameCanBeItsTree() {
    assertThat(DeadTree.isNamedAfter(Path.of("/sys/fs/cgroup/x/terrarium-" + run), run)).isTrue();
    assertThat(DeadTree.isNamedAfter(Path.of("/sys/fs/cgroup/x"), run)).isFalse();
    assertThat(DeadTree.isNamedAfter(Path.of("terrarium-" + run), run)).isFalse();
    assertThat(DeadTree.isNamedAfter(Path.of("/sys/../etc/terrarium-" + run), run)).isFalse();
    assertThat(DeadTree.isNamedAfter(Path.of("/sys/terrarium-" + RunId.generate()), run)).isFalse();
  }

  private final Birthmark mark = Birthmark.choose().chosen().orElseThrow();

  @Test
  void aTreeThatIsGoneOrNoCgroupIsNobodysToEnd() throws IOException {
    Path directory = Files.createTempDirectory("x").resolve("terrarium-" + run);
    assertThat(DeadTree.of(directory, run, mark)).isEmpty();
    Files.createDirectory(directory);
    Files.createFile(directory.resolve("cgroup.events"));
    assertThat(DeadTree.of(directory, run, mark)).isEmpty();
  }

  /// A file named a link to the cgroup of others, and they were killed.
  @Test
  void aTreeThatIsReachedThroughALinkIsNobodysToEnd() throws IOException {
    Path tree = makeTree();
    Path link = Files.createTempDirectory("x").resolve("terrarium-" + run);
    Files.createSymbolicLink(link, tree);
    assertThat(DeadTree.of(link, run, mark)).isEmpty();
    assertThat(DeadTree.of(tree, run, mark)).isPresent();
    assertThat(cgroups.close("test")).isTrue();
  }

  @Test
  void aDeadRunsTreeIsProvedOnlyIfEachProcessInItBearsTheMark() throws IOException {
    Path leaf = Files.createDirectory(makeTree().resolve("1"));
    DeadTree tree = DeadTree.of(tree(leaf), run, mark).orElseThrow();
    assertThat(tree.members().proved()).isTrue();
    try (Child ours = Child.marked(mark.run(), 1, "sleep", "1000");
        Child stranger = Child.start("sleep", "1000")) {
      put(ours, leaf);
      assertThat(tree.members().proved()).isTrue();
      put(stranger, leaf);
      assertThat(tree.members().proved()).isFalse();
      assertThat(tree.members().unproved())
          .extracting(ProcessIdentity::pid)
          .containsExactly(stranger.pid());
    }
    assertThat(cgroups.close("test")).isTrue();
  }

  private static Path tree(Path leaf) {
    return Objects.requireNonNull(leaf.getParent());
  }
}
