package dev.terrarium;

import static dev.terrarium.Trouble.PATIENCE;
import static dev.terrarium.Trouble.failure;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.terrarium.StartFailedException.Reason;
import dev.terrarium.process.Machine;
import dev.terrarium.registry.WorkerRow;
import dev.terrarium.testkit.Jvm;
import dev.terrarium.testkit.Procs;
import dev.terrarium.testkit.Procs.Proc;
import dev.terrarium.testkit.Signals;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.awaitility.core.ConditionFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// A cgroup for each worker: who is in it, and that nothing is left of it, in the hierarchy of
/// cgroups either. Each layer's own proof, with the others switched off, is in Python
/// (`test_warden_bounds.py`).
@Timeout(120)
final class CgroupTest {
  private static final String BASE = "terrarium.cgroup";

  @TempDir private Path home;

  private static Path own() {
    return Machine.ownCgroup().orElseThrow();
  }

  private static void assumeWritable() {
    assumeTrue(
        Machine.ownCgroup().filter(Files::isWritable).isPresent(),
        "needs cgroups of version 2 that this user can write");
  }

  private static void assumeHas(String controller) {
    assumeWritable();
    assumeTrue(controllers().contains(controller), "needs the controller " + controller);
  }

  private static Set<String> controllers() {
    try {
      String offered = Files.readString(own().resolve("cgroup.controllers")).strip();
      return Set.of(offered.split(" ", -1));
    } catch (IOException e) {
      return Set.of();
    }
  }

  private static ConditionFactory soon() {
    return await().atMost(PATIENCE).pollInterval(Duration.ofMillis(5));
  }

  private static PoolBuilder pool(Terrarium runtime) {
    return Endings.pool(runtime).name("boxed").isolation(Isolation.CGROUP);
  }

  private static Path tree(Terrarium runtime) {
    return own().resolve("terrarium-" + runtime.runId());
  }

  /// Its leaf's name.
  private static String leaf(long pid, Path tree) {
    Path cgroup = Path.of(Procs.cgroup(pid).orElseThrow());
    String leaf = cgroup.getFileName().toString();
    assertThat(cgroup).endsWithRaw(tree.getFileName().resolve(leaf));
    return leaf;
  }

  private static List<String> leaves(Path tree) {
    try (Stream<Path> entries = Files.list(tree)) {
      return entries.filter(Files::isDirectory).map(it -> it.getFileName().toString()).toList();
    } catch (IOException e) {
      return List.of();
    }
  }

  // --- Who is in it ---

  @ParameterizedTest
  @EnumSource
  void aWorkerAndAllThatItStartsAreInItsLeaf(Start start) {
    assumeWritable();
    try (Terrarium runtime = Endings.runtime(home);
        Pool pool = pool(runtime).start(start).size(20).start()) {
      List<Long> workers = Endings.pids(pool);
      Set<String> leaves =
          workers.stream().map(pid -> leaf(pid, tree(runtime))).collect(Collectors.toSet());
      assertThat(leaves).hasSize(20);
      long daemon = requireNonNull(pool.tool("daemon").call(Long.class));
      long child = requireNonNull(pool.tool("session_child").call(Long.class));
      assertThat(leaves).contains(leaf(daemon, tree(runtime)), leaf(child, tree(runtime)));
      assertThat(Procs.cgroup(Endings.warden(self()).pid())).isEqualTo(Procs.cgroup(self()));
      if (start == Start.ZYGOTE) {
        var others = new HashSet<>(leaves(tree(runtime)));
        others.removeAll(leaves);
        assertThat(others).containsExactly(leaf(zygote(runtime), tree(runtime)));
      }
    }
  }

  private static long self() {
    return ProcessHandle.current().pid();
  }

  private static long zygote(Terrarium runtime) {
    return runtime.listAllWorkers().stream()
        .filter(WorkerRow::isZygote)
        .flatMap(row -> row.process().stream())
        .findFirst()
        .orElseThrow()
        .pid();
  }

  @Test
  void nobodyElseIsInAny() {
    assumeWritable();
    try (Terrarium runtime = Endings.runtime(home);
        Pool pool = Endings.pool(runtime).size(1).start()) {
      assertThat(Procs.cgroup(Endings.pids(pool).getFirst())).isEqualTo(Procs.cgroup(self()));
      assertThat(tree(runtime)).doesNotExist();
    }
  }

  // --- The last word ---

  @ParameterizedTest
  @EnumSource
  void whatADeadWorkerLeftDiesByItsCgroupAndTheLeafGoes(Start start) throws IOException {
    assumeWritable();
    try (Terrarium runtime = Endings.runtime(home);
        Pool pool = pool(runtime).start(start).size(1).start()) {
      Proc worker = Endings.proc(Endings.pids(pool).getFirst());
      Proc daemon = Endings.proc(requireNonNull(pool.tool("daemon").call(Long.class)));
      String leaf = leaf(worker.pid(), tree(runtime));
      Signals.kill(worker);
      soon().until(() -> !Endings.lives(daemon));
      soon().until(() -> !leaves(tree(runtime)).contains(leaf));
      assertThat(Files.readString(home.resolve("runs").resolve(runtime.runId() + "/audit.jsonl")))
          .containsPattern(
              "\"by\":\"warden\",\"target\":\"cgroup\",\"why\":\"what dead worker \\d+ left\",\"pid\":%d,.*\"proof\":\"cgroup\",\"signal\":\"SIGKILL\",\"outcome\":\"sent\""
                  .formatted(daemon.pid()));
    }
  }

  @Test
  void aNeighboursChildrenDoNotNotice() {
    assumeWritable();
    try (Terrarium runtime = Endings.runtime(home);
        Pool dying = pool(runtime).size(1).start();
        Pool living = pool(runtime).name("other").size(1).start()) {
      Proc daemon = Endings.proc(requireNonNull(living.tool("daemon").call(Long.class)));
      Proc worker = Endings.proc(Endings.pids(dying).getFirst());
      String leaf = leaf(worker.pid(), tree(runtime));
      Signals.kill(worker);
      soon().until(() -> !leaves(tree(runtime)).contains(leaf));
      assertThat(Endings.lives(daemon)).isTrue();
    }
  }

  // --- Nothing is left ---

  @Test
  void nothingIsLeftOfARuntimeThatCloses() {
    assumeWritable();
    Path tree;
    try (Terrarium runtime = Endings.runtime(home)) {
      tree = tree(runtime);
      Pool pool = pool(runtime).size(3).start();
      assertThat(tree).isDirectory();
      pool.close();
      Pool second = pool(runtime).start();
      var _ = second.tool("daemon").call(Long.class);
    }
    assertThat(tree).doesNotExist();
  }

  @Test
  void aNewWardenGoesOnAndTheLeavesOfTheOldOneGo() {
    assumeWritable();
    try (Terrarium runtime = Endings.runtime(home);
        Pool pool = pool(runtime).size(2).start()) {
      List<String> old = leaves(tree(runtime));
      Signals.kill(Endings.warden(self()));
      soon().until(() -> pool.stats().idle() == 2 && pool.stats().restarts() >= 2);
      assertThat(leaves(tree(runtime))).doesNotContainAnyElementsOf(old);
      assertThat(leaf(Endings.pids(pool).getFirst(), tree(runtime))).isNotIn(old);
    }
  }

  /// A program that says where its cgroups are, and waits to be killed.
  static final class Boxed {
    public static void main(String[] arguments) throws InterruptedException {
      Terrarium runtime = Endings.runtime(Path.of(arguments[0]));
      System.out.println("run " + runtime.runId());
      Pool pool = pool(runtime).size(Integer.parseInt(arguments[1])).start();
      var _ = pool.tool("family").call(Object.class);
      System.out.println("tree " + tree(runtime));
      Thread.sleep(Long.MAX_VALUE);
    }
  }

  @Test
  void nothingIsLeftWhenTheJvmIsKilled() {
    assumeWritable();
    try (Jvm jvm = Jvm.start(Boxed.class, home.toString(), "2")) {
      Path tree = Path.of(jvm.awaitLine("tree "));
      assertThat(leaves(tree)).hasSize(3);
      long birthmark = Endings.birthmark(Endings.warden(jvm.pid()));
      List<Proc> known = Procs.marked(birthmark);
      jvm.kill();
      long _ = Endings.awaitNothingLeft(known, birthmark, System.nanoTime());
      soon().until(() -> !Files.exists(tree));
    }
  }

  @Test
  void nothingIsLeftOfAStartThatWasUnderWayOnceAnotherHasCome() {
    assumeWritable();
    long seed = System.nanoTime();
    Random random = new Random(seed);
    System.out.println("seed " + seed);
    for (int i = 0; i < 5; i++) {
      int enough = random.nextInt(1, 21);
      try (Jvm jvm = Jvm.start(Boxed.class, home.toString(), "20")) {
        Path tree = own().resolve("terrarium-" + jvm.awaitLine("run "));
        Endings.soon().until(() -> Procs.descendants(jvm.pid()).size() >= enough);
        long birthmark = Endings.birthmark(Endings.warden(jvm.pid()));
        List<Proc> known = Procs.marked(birthmark);
        jvm.kill();
        long _ = Endings.awaitNothingLeft(known, birthmark, System.nanoTime());
        try (Terrarium next = Endings.runtime(home)) {
          soon().until(() -> Endings.runs(home).equals(List.of(next.runId())));
        }
        assertThat(tree).doesNotExist();
      }
    }
  }

  @Test
  void theNextStartRemovesWhatJvmAndWardenLeft() {
    assumeWritable();
    Path tree;
    try (Jvm jvm = Jvm.start(Boxed.class, home.toString(), "2")) {
      tree = Path.of(jvm.awaitLine("tree "));
      Proc warden = Endings.warden(jvm.pid());
      jvm.pause();
      Endings.soon().until(() -> Procs.state(jvm.pid()).orElse('?') == 'T');
      Signals.kill(warden);
      jvm.kill();
      jvm.awaitExit();
    }
    assertThat(tree).isDirectory();
    try (Terrarium next = Endings.runtime(home)) {
      soon().until(() -> Endings.runs(home).equals(List.of(next.runId())));
      assertThat(tree).doesNotExist();
    }
  }

  // --- What is not to be had ---

  private StartFailedException refusal(String base, ResourceLimits limits) {
    System.setProperty(BASE, base);
    try (Terrarium runtime = Endings.runtime(home)) {
      return failure(StartFailedException.class, pool(runtime).limits(limits)::start);
    } finally {
      System.clearProperty(BASE);
    }
  }

  @Test
  void whatIsNoCgroupIsRefused() {
    StartFailedException refusal = refusal(home.toString(), ResourceLimits.none());
    assertThat(refusal.reason()).isEqualTo(Reason.CONTAINMENT);
    assertThat(refusal)
        .hasMessage("isolation(CGROUP): %s is no cgroup of version 2; see -D%s", home, BASE);
    assertThat(home.resolve("runs")).isEmptyDirectory();
  }

  @Test
  void aKernelWithoutCgroupKillIsRefused() throws IOException {
    Path fake = Files.createDirectory(home.resolve("fake"));
    for (String file : List.of("cgroup.controllers", "cgroup.procs")) {
      Files.createFile(fake.resolve(file));
    }
    StartFailedException refusal = refusal(fake.toString(), ResourceLimits.none());
    assertThat(refusal.reason()).isEqualTo(Reason.CONTAINMENT);
    assertThat(refusal).hasMessageContaining("there is no cgroup.kill in " + fake);
    assertThat(fake).isDirectoryNotContaining(it -> it.toString().contains("terrarium-"));
  }

  @Test
  void aCgroupThatCannotBeWrittenIsRefused() {
    assumeTrue(
        Machine.ownCgroup().filter(it -> !Files.isWritable(it)).isPresent(),
        "needs cgroups of version 2 that this user cannot write");
    StartFailedException refusal = refusal("", ResourceLimits.none());
    assertThat(refusal.reason()).isEqualTo(Reason.CONTAINMENT);
    assertThat(refusal).hasMessageContaining("cannot be written; delegate it to this user");
  }

  @Test
  void aControllerThatIsNotDelegatedIsRefused() {
    assumeWritable();
    List<String> missing =
        Stream.of("cpu", "memory", "pids").filter(it -> !controllers().contains(it)).toList();
    assumeTrue(!missing.isEmpty(), "needs a cgroup without some controllers");
    ResourceLimits all = ResourceLimits.none().withMemory(1L << 30).withCpus(1).withProcesses(99);
    StartFailedException refusal = refusal("", all);
    assertThat(refusal.reason()).isEqualTo(Reason.CONTAINMENT);
    assertThat(refusal)
        .hasMessageContaining("the limits need the controllers %s, and", missing)
        .hasMessageContaining("delegate them (Delegate=cpu memory pids in systemd)");
  }

  // --- Its limits, where they are to be had ---

  @Test
  void whoNeedsMoreMemoryIsKilledAndToldSo() {
    assumeHas("memory");
    ResourceLimits limits = ResourceLimits.none().withMemory(256L << 20);
    try (Terrarium runtime = Endings.runtime(home);
        Pool pool =
            Trouble.pool(home, HUNGRY)
                .runtime(runtime)
                .isolation(Isolation.CGROUP)
                .limits(limits)
                .start()) {
      WorkerDiedException death =
          failure(
              WorkerDiedException.class,
              () -> pool.tool("allocate").args(1 << 30).call(Object.class));
      assertThat(death).hasMessageContaining("its memory of 268435456 bytes is used up");
    }
  }

  private static final String HUNGRY =
      """
      import os
      from terrarium import tool

      @tool
      def allocate(count):
          return len(b"x" * count)

      @tool
      def start(count):
          return [os.fork() or os._exit(0) for _ in range(count)]
      """;

  @Test
  void whoStartsMoreProcessesGetsAnError() {
    assumeHas("pids");
    ResourceLimits limits = ResourceLimits.none().withProcesses(10);
    try (Terrarium runtime = Endings.runtime(home);
        Pool pool =
            Trouble.pool(home, HUNGRY)
                .runtime(runtime)
                .isolation(Isolation.CGROUP)
                .limits(limits)
                .start()) {
      ToolException error =
          failure(ToolException.class, () -> pool.tool("start").args(20).call(Object.class));
      assertThat(error.python().type()).isEqualTo("BlockingIOError");
    }
  }

  @Test
  void aShareOfTheProcessorsIsWrittenDown() throws IOException {
    assumeHas("cpu");
    ResourceLimits limits = ResourceLimits.none().withCpus(1.5);
    try (Terrarium runtime = Endings.runtime(home);
        Pool pool = pool(runtime).size(1).limits(limits).start()) {
      String leaf = leaf(Endings.pids(pool).getFirst(), tree(runtime));
      assertThat(Files.readString(tree(runtime).resolve(leaf).resolve("cpu.max")).strip())
          .isEqualTo("150000 100000");
    }
  }
}
