package dev.terrarium;

import static dev.terrarium.Trouble.failure;
import static dev.terrarium.Trouble.pid;
import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.ToolInfo.ParameterKind;
import dev.terrarium.registry.WorkerRow;
import dev.terrarium.testkit.Procs;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// Pools and the runtime that they share; what of a pool's description reaches Python.
@Timeout(90)
final class RuntimeSharingTest {
  private static final String ADAPTER =
      """
      import os
      from terrarium import tool, on_start

      given = None

      @on_start
      def load(options):
          global given
          given = options

      @tool
      def options():
          return given

      @tool
      def variable(name: str):
          return os.environ.get(name)

      @tool
      def directory() -> str:
          return os.getcwd()

      @tool(idempotent=True)
      def add(a: int, b: int = 1, *rest: int, scale: float = 1.0, **more) -> int:
          \"""Add two numbers.

          And more.
          \"""
          return a + b

      @tool
      async def fetch(url):
          pass
      """;

  @TempDir private Path directory;

  @Test
  void theSharedRuntimeEndsWithItsLastPoolAndStartsAgain() {
    Pool one = Trouble.pool().name("one").start();
    Pool two = Trouble.pool().name("two").start();
    assertThat(two.runtime()).isSameAs(one.runtime());
    long warden = Procs.find(pid(one)).orElseThrow().parent();
    assertThat(Procs.find(pid(two)).orElseThrow().parent()).isEqualTo(warden);
    one.close();
    assertThat(Procs.alive(warden)).isTrue();
    assertThat(two.tool("echo").args(2).call(Integer.class)).isEqualTo(2);
    two.close();
    assertThat(Procs.alive(warden)).isFalse();
    assertThat(two.runtime().closeReport()).contains(new Terrarium.CloseReport(0, 0));
    try (Pool three = Trouble.pool().name("three").start()) {
      assertThat(three.runtime()).isNotSameAs(two.runtime());
      assertThat(three.tool("echo").args(3).call(Integer.class)).isEqualTo(3);
    }
  }

  @Test
  void twoPoolsOfOneRuntimeNeedTwoNames() {
    Config config = Config.defaults().withHome(directory.resolve("home"));
    try (Terrarium runtime = Terrarium.start(config)) {
      Pool pool = Trouble.pool().runtime(runtime).start();
      var again = Trouble.pool().runtime(runtime);
      assertThat(failure(IllegalArgumentException.class, again::start))
          .hasMessageContaining("has a pool 'trouble' already; give this one another name(...)");
      Pool other = again.name("other").start();
      assertThat(runtime.pool("other")).isSameAs(other);
      assertThat(runtime.pool("trouble")).isSameAs(pool);
      assertThat(failure(IllegalArgumentException.class, () -> runtime.pool("none")))
          .hasMessageContaining("[trouble, other]");
      pool.close();
      Pool successor = Trouble.pool().runtime(runtime).start();
      assertThat(successor.stats().workers().getFirst().id()).isEqualTo("trouble-2");
    }
    assertThat(directory.resolve("home/runs")).isEmptyDirectory();
  }

  @Test
  void callsReachTheirOwnPoolsWorkersHoweverAlikeTheNamesAre() {
    // A worker of the one is named like the other.
    try (Terrarium runtime = Terrarium.start(Config.defaults().withHome(directory));
        Pool pool = Trouble.pool().runtime(runtime).name("a").size(2).start();
        Pool other = Trouble.pool().runtime(runtime).name("a-1").size(2).start()) {
      assertThat(pool.stats().workers().getFirst().id()).isEqualTo(other.name());
      List<CompletableFuture<Long>> here = pids(pool);
      List<CompletableFuture<Long>> there = pids(other);
      assertThat(here).map(CompletableFuture::join).isSubsetOf(Trouble.pids(pool));
      assertThat(there).map(CompletableFuture::join).isSubsetOf(Trouble.pids(other));
      assertThat(runtime.pool("a-1").tool("pid").call(Long.class)).isIn(Trouble.pids(other));
    }
  }

  @Test
  void aPoolMayBeNamedLikeTheZygoteOfAnother() {
    try (Terrarium runtime = Terrarium.start(Config.defaults().withHome(directory))) {
      PoolBuilder builder = Trouble.pool().runtime(runtime).size(2);
      try (Pool pool = builder.name("a").start();
          Pool alike = builder.name("a-zygote").start();
          Pool first = builder.name("b-zygote").start();
          Pool second = builder.name("b").start()) {
        for (Pool each : List.of(pool, alike, first, second)) {
          assertThat(pids(each)).map(CompletableFuture::join).isSubsetOf(Trouble.pids(each));
          assertThat(each.stats().restarts()).isZero();
        }
        assertThat(runtime.listAllWorkers()).extracting(WorkerRow::worker).doesNotHaveDuplicates();
        assertThat(runtime.listAllWorkers()).filteredOn(WorkerRow::isZygote).hasSize(4);
        assertThat(runtime.activePythonPids()).hasSize(8);
      }
      assertThat(runtime.listAllWorkers()).isEmpty();
    }
  }

  /// What the processes of the first left behind may still be being cleared.
  @Test
  void aPoolGoesOnCountingWhereItsNamesakeStopped() {
    try (Terrarium runtime = Terrarium.start(Config.defaults().withHome(directory))) {
      for (int turn = 1; turn <= 2; turn++) {
        try (Pool pool = Trouble.pool().runtime(runtime).name("a").start()) {
          assertThat(pool.tool("echo").args(turn).call(Integer.class)).isEqualTo(turn);
          assertThat(runtime.listAllWorkers())
              .extracting(WorkerRow::worker)
              .containsExactlyInAnyOrder("a-" + turn, "a-zygote." + turn);
        }
      }
    }
  }

  private static List<CompletableFuture<Long>> pids(Pool pool) {
    return Stream.generate(() -> pool.tool("pid").callAsync(Long.class)).limit(50).toList();
  }

  @Test
  void aPoolThatDoesNotStartTakesNobodyElseWithIt() {
    Config config = Config.defaults().withHome(directory.resolve("home"));
    try (Terrarium runtime = Terrarium.start(config);
        Pool pool = Trouble.pool().runtime(runtime).start()) {
      PoolBuilder broken = Trouble.pool(directory, "import nmpy\n").runtime(runtime);
      failure(StartFailedException.class, broken::start);
      assertThat(pool.tool("echo").args(1).call(Integer.class)).isEqualTo(1);
      failure(IllegalArgumentException.class, () -> runtime.pool("adapter"));
    }
  }

  @Test
  void environmentDirectoryAndOptionsReachPython() throws Exception {
    Path work = Files.createDirectory(directory.resolve("work"));
    Map<String, Object> options = Map.of("model", "small", "layers", List.of(1, 2));
    PoolBuilder builder =
        Trouble.pool(directory, ADAPTER)
            .environment("TROUBLE_COLOUR", "gr\u00FCn")
            .withoutEnvironment("TERRARIUM_HOME", "HOME")
            .workingDirectory(work)
            .options(options);
    try (Pool pool = builder.start()) {
      assertThat(variable(pool, "TROUBLE_COLOUR")).contains("gr\u00FCn");
      assertThat(variable(pool, "HOME")).isEmpty();
      assertThat(variable(pool, "TERRARIUM_HOME")).isEmpty();
      assertThat(variable(pool, "PATH")).isEqualTo(Optional.ofNullable(System.getenv("PATH")));
      assertThat(pool.tool("directory").call(String.class)).isEqualTo(work.toRealPath().toString());
      assertThat(pool.tool("options").call(Object.class)).isEqualTo(options);
    }
  }

  private record Layer(String name, List<Integer> sizes) {}

  @Test
  void optionsMayBeRecordsAndMayNotBeBytes() {
    PoolBuilder builder = Trouble.pool(directory, ADAPTER);
    try (Pool pool = builder.options(Map.of("layer", new Layer("a", List.of(1)))).start()) {
      assertThat(pool.tool("options").call(Object.class))
          .isEqualTo(Map.of("layer", Map.of("name", "a", "sizes", List.of(1))));
    }
    failure(ValueException.class, builder.options(Map.of("model", new byte[1]))::start);
  }

  private static Optional<String> variable(Pool pool, String name) {
    return Optional.ofNullable(pool.tool("variable").args(name).call(String.class));
  }

  @Test
  void aWorkingDirectoryThatIsNotThereFailsTheStart() {
    var builder = Trouble.pool().workingDirectory(directory.resolve("nowhere"));
    StartFailedException failure = failure(StartFailedException.class, builder::start);
    assertThat(failure.reason()).isEqualTo(StartFailedException.Reason.SPAWN);
    assertThat(failure).hasMessageContaining("directory").hasMessageContaining("nowhere");
  }

  @Test
  void toolsHaveTheirHintsAndDocstrings() {
    try (Pool pool = Trouble.pool(directory, ADAPTER).start()) {
      List<ToolInfo> tools = pool.tools();
      assertThat(tools)
          .extracting(ToolInfo::name)
          .containsExactly("options", "variable", "directory", "add", "fetch");
      ToolInfo add = tools.get(3);
      assertThat(add.signature())
          .isEqualTo("add(a: int, b: int = 1, *rest: int, scale: float = 1.0, **more) -> int");
      assertThat(add.summary()).isEqualTo("Add two numbers.");
      assertThat(add.doc()).isEqualTo("Add two numbers.\n\nAnd more.");
      assertThat(add.idempotent()).isTrue();
      assertThat(add.kind()).isEqualTo(ToolInfo.Kind.PLAIN);
      assertThat(add.parameters())
          .extracting(ToolInfo.Parameter::kind)
          .containsExactly(
              ParameterKind.POSITIONAL_OR_KEYWORD,
              ParameterKind.POSITIONAL_OR_KEYWORD,
              ParameterKind.POSITIONAL_REST,
              ParameterKind.KEYWORD_ONLY,
              ParameterKind.KEYWORD_REST);
      assertThat(add.parameters().getFirst().required()).isTrue();
      assertThat(add.parameters().get(1).defaultText()).contains("1");
      assertThat(tools.getLast().kind()).isEqualTo(ToolInfo.Kind.ASYNC);
      assertThat(tools.getLast().doc()).isEmpty();
    }
  }
}
