package dev.terrarium;

import static dev.terrarium.Trouble.failure;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.terrarium.StartFailedException.Reason;
import dev.terrarium.process.Machine;
import dev.terrarium.testkit.Jvm;
import dev.terrarium.testkit.Procs;
import dev.terrarium.testkit.Procs.Proc;
import dev.terrarium.testkit.Signals;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// What else a pool in a PID namespace may ask for: cgroups and limits.
@Timeout(90)
final class PidNamespaceBoundsTest {
  private static final long SELF = ProcessHandle.current().pid();

  private static final String ADAPTER =
      """
      import resource
      from terrarium import tool

      @tool
      def limit(name):
          return resource.getrlimit(getattr(resource, name))

      @tool
      def allocate(count):
          return len(bytearray(count))

      @tool
      def spin():
          while True:
              pass
      """;

  @TempDir private Path home;
  @TempDir private Path directory;

  @BeforeEach
  void needsNamespaces() {
    Enclosed.assumeOffered();
  }

  private Terrarium runtime() {
    return Endings.runtime(home);
  }

  // --- Cgroups ---

  private static void assumeCgroups() {
    assumeTrue(
        Machine.ownCgroup().filter(Files::isWritable).isPresent(),
        "needs cgroups of version 2 that this user can write");
  }

  private static PoolBuilder boxed(Terrarium runtime, String name) {
    assumeCgroups();
    return Endings.pool(runtime).name(name).isolation(Isolation.PID_NAMESPACE, Isolation.CGROUP);
  }

  private static Path tree(Terrarium runtime) {
    return Machine.ownCgroup().orElseThrow().resolve("terrarium-" + runtime.runId());
  }

  private static List<String> leaves(Terrarium runtime) {
    try (Stream<Path> entries = Files.list(tree(runtime))) {
      return entries.filter(Files::isDirectory).map(it -> it.getFileName().toString()).toList();
    } catch (IOException e) {
      return List.of();
    }
  }

  private static String leaf(long pid) {
    return Path.of(Procs.cgroup(pid).orElseThrow()).getFileName().toString();
  }

  @ParameterizedTest
  @EnumSource
  void itsWorkersHaveCgroupsWhereItAsksForThemAsWell(Start start) throws IOException {
    try (Terrarium runtime = runtime();
        Pool pool = boxed(runtime, "both").start(start).size(2).start()) {
      List<Long> workers = Endings.pids(pool);
      assertThat(leaves(runtime)).contains(leaf(workers.getFirst()), leaf(workers.getLast()));
      long mark = Endings.birthmark(Enclosed.warden(SELF));
      List<Long> before = Procs.marked(mark).stream().map(Proc::pid).toList();
      var _ = pool.tool("daemon").call(Object.class);
      Proc daemon =
          Procs.marked(mark).stream().filter(it -> !before.contains(it.pid())).findAny().get();
      long parent =
          workers.stream().filter(it -> leaf(it).equals(leaf(daemon.pid()))).findAny().get();
      String leaf = leaf(parent);
      Trouble.kill(parent);
      Endings.soon().until(() -> !Endings.lives(daemon) && !leaves(runtime).contains(leaf));
      assertThat(Files.readString(home.resolve("runs").resolve(runtime.runId() + "/audit.jsonl")))
          .as("the number outside")
          .containsPattern(
              "\"by\":\"warden\",\"target\":\"cgroup\",\"why\":\"what dead worker \\d+ left\",\"pid\":%d,.*\"proof\":\"cgroup\",\"signal\":\"SIGKILL\",\"outcome\":\"sent\""
                  .formatted(daemon.pid()));
    }
  }

  @Test
  void aNeighboursCgroupsOutliveItsWardenAndItsEnd() {
    try (Terrarium runtime = runtime();
        Pool open =
            Endings.pool(runtime).name("open").isolation(Isolation.CGROUP).size(2).start()) {
      Proc daemon = Endings.proc(requireNonNull(open.tool("daemon").call(Long.class)));
      List<Long> workers = Endings.pids(open);
      Pool pool = boxed(runtime, "both").size(2).start();
      var _ = pool.tool("family").call(Object.class);
      List<Long> dying = Endings.pids(pool);
      List<String> old = dying.stream().map(PidNamespaceBoundsTest::leaf).toList();
      Signals.kill(Enclosed.holder(SELF, "both"));
      Endings.soon().until(() -> dying.stream().noneMatch(Procs::alive));
      Trouble.awaitWhole(pool);
      assertThat(leaves(runtime)).doesNotContainAnyElementsOf(old);
      pool.close();
      assertThat(leaves(runtime)).as("two workers and a zygote").hasSize(3);
      assertThat(Endings.lives(daemon)).isTrue();
      assertThat(Endings.pids(open)).isEqualTo(workers);
    }
  }

  @Test
  void itsCgroupsOutliveTheRuntimesWarden() {
    try (Terrarium runtime = runtime();
        Pool open = Endings.pool(runtime).name("open").isolation(Isolation.CGROUP).size(1).start();
        Pool pool = boxed(runtime, "both").size(2).start()) {
      List<Long> workers = Endings.pids(pool);
      List<Long> dying = Endings.pids(open);
      Signals.kill(Enclosed.warden(SELF));
      Endings.soon().until(() -> dying.stream().noneMatch(Procs::alive));
      Trouble.awaitWhole(open);
      assertThat(Endings.pids(pool)).isEqualTo(workers);
      Path tree = tree(runtime);
      assertThat(Endings.close(runtime)).isEqualTo(new Terrarium.CloseReport(0, 0));
      assertThat(tree).doesNotExist();
    }
  }

  @Test
  void theNextStartRemovesTheCgroupsOfAKilledJvm() {
    assumeCgroups();
    Map<String, String> environment = Map.of(Victim.ISOLATION, "PID_NAMESPACE,CGROUP");
    String[] arguments = {home.toString(), directory.toString(), "trouble.py", "2", "family"};
    Path tree;
    try (Jvm jvm = Jvm.start(Victim.class, environment, List.of(), arguments)) {
      jvm.awaitLine("ready");
      long mark = Endings.birthmark(Enclosed.warden(jvm.pid()));
      List<Proc> known = Procs.marked(mark);
      tree =
          Machine.ownCgroup().orElseThrow().resolve("terrarium-" + Endings.runs(home).getFirst());
      assertThat(tree).isDirectory();
      jvm.kill();
      long _ = Endings.awaitNothingLeft(known, mark, System.nanoTime());
    }
    Endings.runtime(home).close();
    assertThat(tree).doesNotExist();
    assertThat(Endings.runs(home)).isEmpty();
  }

  // --- Limits ---

  private Pool held(Terrarium runtime, Start start, ResourceLimits limits) {
    return Trouble.pool(directory, ADAPTER)
        .name("held")
        .runtime(runtime)
        .isolation(Isolation.PID_NAMESPACE)
        .start(start)
        .limits(limits)
        .start();
  }

  @ParameterizedTest
  @EnumSource
  void itsWorkersAreHeldToLimits(Start start) {
    ResourceLimits limits =
        ResourceLimits.none()
            .withAddressSpace(2L << 30)
            .withOpenFiles(256)
            .withCpuTime(Duration.ofSeconds(1));
    try (Terrarium runtime = runtime();
        Pool pool = held(runtime, start, limits)) {
      ToolException error =
          failure(ToolException.class, () -> pool.tool("allocate").args(3L << 30).call(Long.class));
      assertThat(error.python().type()).isEqualTo("MemoryError");
      assertThat(pool.call("limit", Map.of("name", "RLIMIT_NOFILE"), long[].class))
          .containsExactly(256, 256);
      WorkerDiedException death =
          failure(WorkerDiedException.class, () -> pool.tool("spin").call(Object.class));
      assertThat(death).hasMessageContaining("its cpuTime of 1 s is used up");
      assertThat(pool.call("allocate", Map.of("count", 8), Integer.class)).isEqualTo(8);
    }
  }

  @ParameterizedTest
  @EnumSource
  void theNumberOfItsProcessesBindsWhoIsNotRoot(Start start) {
    ResourceLimits limits = ResourceLimits.none().withProcesses(100);
    try (Terrarium runtime = runtime()) {
      if (Enclosed.isRoot()) {
        StartFailedException refusal =
            failure(StartFailedException.class, () -> held(runtime, start, limits));
        assertThat(refusal.reason()).isEqualTo(Reason.CONTAINMENT);
        assertThat(refusal).hasMessageContaining("processes: RLIMIT_NPROC does not bind root");
      } else {
        try (Pool pool = held(runtime, start, limits)) {
          assertThat(pool.call("limit", Map.of("name", "RLIMIT_NPROC"), long[].class))
              .containsExactly(100, 100);
        }
      }
    }
  }
}
