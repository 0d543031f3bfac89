package dev.terrarium;

import static dev.terrarium.Trouble.PATIENCE;
import static dev.terrarium.Trouble.awaitFile;
import static dev.terrarium.Trouble.failure;
import static dev.terrarium.Trouble.inBackground;
import static dev.terrarium.Trouble.kill;
import static dev.terrarium.Trouble.notes;
import static dev.terrarium.Trouble.pid;
import static dev.terrarium.Trouble.pids;
import static dev.terrarium.Trouble.write;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.terrarium.registry.StateDirectory;
import dev.terrarium.testkit.Procs;
import dev.terrarium.testkit.Procs.Proc;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.awaitility.core.ConditionFactory;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Workers that are forked, what becomes of them when the one who forks dies, and adapters that
/// cannot be forked.
@Timeout(120)
final class ZygoteTest {
  /// What every worker that is forked from one import has in common.
  private static final String ADAPTER =
      """
      import os, signal, sys
      from terrarium import tool, on_start

      IMPORTED = os.urandom(8).hex()
      STARTED = []

      @on_start
      def begin():
          STARTED.append(os.getpid())

      @tool
      def imported():
          return IMPORTED

      @tool
      def started():
          return STARTED

      @tool
      def pid():
          return os.getpid()

      @tool
      def echo(value):
          return value

      @tool
      def variable(name):
          return os.environ.get(name)

      @tool
      def stop(pid):
          os.kill(pid, signal.SIGSTOP)
      """;

  @TempDir private Path directory;

  private PoolBuilder pool(String source) {
    return Trouble.pool(directory, source).name("forked").maxWaiting(20_000);
  }

  /// The zygote of the only pool with that name.
  private static Optional<Proc> zygote() {
    return Endings.zygotes(StateDirectory.resolve().path(), "forked").stream().findFirst();
  }

  private static ConditionFactory soon() {
    return await().atMost(PATIENCE).pollInterval(Duration.ofMillis(2));
  }

  private static Proc awaitZygote() {
    soon().until(() -> zygote().isPresent());
    return zygote().orElseThrow();
  }

  private static Set<Object> ask(Pool pool, String tool) {
    // Each is busy until all have been asked.
    var answers = new HashSet<Object>();
    IntStream.range(0, 20 * pool.config().size())
        .mapToObj(_ -> pool.tool(tool).callAsync(Object.class))
        .toList()
        .forEach(answer -> answers.add(answer.join()));
    return answers;
  }

  @Test
  void workersShareOneImportAndEachRunsItsOnStart() {
    try (Pool pool = pool(ADAPTER).size(4).start()) {
      assertThat(ask(pool, "imported")).hasSize(1);
      assertThat(ask(pool, "pid"))
          .isSubsetOf(Set.copyOf(pids(pool).stream().map(Long::intValue).toList()));
      assertThat(ask(pool, "started")).allMatch(started -> ((List<?>) started).size() == 1);
    }
  }

  @Test
  void workersImportForThemselvesWhereTheyAreToldTo() {
    for (PoolBuilder each :
        List.of(pool(ADAPTER).preload(false), pool(ADAPTER).start(Start.EXEC))) {
      try (Pool pool = each.size(2).start()) {
        List<Long> workers = pids(pool);
        soon().until(() -> ask(pool, "imported").size() == 2);
        assertThat(pids(pool)).isEqualTo(workers);
        assertThat(zygote().isPresent()).isEqualTo(pool.config().start() == Start.ZYGOTE);
      }
    }
  }

  @Test
  void theWardenIsTheParentAndTheCommandLineNamesTheWorker() {
    try (Pool pool = pool(ADAPTER).start()) {
      Proc worker = Procs.find(pid(pool)).orElseThrow();
      assertThat(worker.parent()).isEqualTo(awaitZygote().parent());
      assertThat(Procs.command(worker.pid()))
          .contains("--snakepit-run-id " + pool.runtime().runId())
          .contains("--worker forked-1")
          .doesNotContain("forked-zygote");
    }
  }

  @Test
  void aZygoteThatIsKilledIsReplacedAndWorkersDoNotNotice() {
    try (Pool pool = pool(ADAPTER).size(2).start()) {
      List<Long> workers = pids(pool);
      Proc first = awaitZygote();
      kill(first.pid());
      soon().until(() -> zygote().filter(next -> !next.is(first)).isPresent());
      assertThat(ask(pool, "pid")).isNotEmpty();
      assertThat(pids(pool)).isEqualTo(workers);
      assertThat(pool.stats().restarts()).isZero();
      kill(workers.getFirst());
      soon().until(() -> pool.stats().idle() == 2 && !pids(pool).equals(workers));
      assertThat(ask(pool, "imported")).hasSize(2); // one import each
    }
  }

  @Test
  void aZygoteThatIsKilledWhileItImportsIsReplaced() {
    Path importing = directory.resolve("importing");
    Path mayGoOn = directory.resolve("go-on");
    String slow =
        """
        import os, time
        open(os.environ["IMPORTING"], "a").write(f"{os.getpid()}\\n")
        while not os.path.exists(os.environ["GO_ON"]):
            time.sleep(0.002)
        """;
    PoolBuilder builder =
        pool(slow + ADAPTER)
            .size(3)
            .environment("IMPORTING", importing.toString())
            .environment("GO_ON", mayGoOn.toString());
    CompletableFuture<Pool> starting = inBackground(builder::start);
    awaitFile(importing);
    soon().until(() -> !notes(importing).isEmpty());
    kill(Long.parseLong(notes(importing).keySet().iterator().next()));
    write(mayGoOn, "");
    try (Pool pool = starting.join()) {
      assertThat(ask(pool, "imported")).hasSize(1);
      assertThat(pool.stats().restarts()).isZero();
      assertThat(notes(importing)).hasSize(2);
    }
  }

  @Test
  void aHundredWorkersComeUpThoughTheZygoteIsKilledWhileItForksThem() {
    CompletableFuture<Pool> starting = inBackground(() -> pool(ADAPTER).size(100).start());
    for (int enough : new int[] {5, 30, 60}) {
      soon()
          .until(
              () ->
                  starting.isDone()
                      || Procs.descendants(ProcessHandle.current().pid()).size() > enough);
      zygote().ifPresent(zygote -> kill(zygote.pid()));
    }
    try (Pool pool = starting.join()) {
      assertThat(pids(pool)).hasSize(100).doesNotHaveDuplicates();
      assertThat(pool.stats().restarts()).isZero();
      assertThat(ask(pool, "pid")).isNotEmpty();
    }
  }

  @Test
  void anImportThatLeavesThreadsIsNotForkedAndTheThreadsAreNamed() {
    String threads =
        """
        import threading
        threading.Thread(target=threading.Event().wait, name="from-the-import", daemon=True).start()
        """;
    try (LogLines said = LogLines.ofWorkers();
        Pool pool = pool(threads + ADAPTER).size(2).start()) {
      soon().until(() -> ask(pool, "imported").size() == 2);
      soon().until(() -> !said.containing("cannot be forked safely").isEmpty());
      assertThat(said.containing("cannot be forked safely"))
          .singleElement()
          .asString()
          .startsWith("WARN Pool 'forked'")
          .contains("2 threads (MainThread, from-the-import)")
          .contains("@on_start");
      soon().until(() -> zygote().isEmpty());
    }
  }

  @Test
  void anImportThatOpensSocketsAndForksHarmsNobody() {
    String busy =
        """
        import os, socket
        LISTENER = socket.socket()
        LISTENER.bind(("127.0.0.1", 0))
        LISTENER.listen()
        CHILD = os.fork()
        if CHILD == 0:
            os._exit(0)
        os.waitpid(CHILD, 0)
        if os.fork() == 0:
            pass  # this one comes back from the import
        """;
    try (Pool pool = pool(busy + ADAPTER).size(2).start()) {
      assertThat(ask(pool, "imported")).hasSize(1);
    }
  }

  @Test
  void aZygoteThatIsStoppedIsReplacedAndTheOtherPoolDoesNotNotice() {
    PoolBuilder builder = pool(ADAPTER).size(2).startTimeout(Duration.ofSeconds(2));
    try (Pool other = Trouble.pool(directory, ADAPTER).name("other").size(2).start();
        Pool pool = builder.start()) {
      List<Long> others = pids(other);
      List<Long> workers = pids(pool);
      Proc stopped = awaitZygote();
      pool.tool("stop").args(stopped.pid()).call(Object.class);
      kill(workers.getFirst());
      soon().until(() -> pool.stats().idle() == 2 && !pids(pool).equals(workers));
      Proc next = awaitZygote();
      assertThat(next.is(stopped)).isFalse();
      assertThat(next.parent()).as("the same warden").isEqualTo(stopped.parent());
      assertThat(pids(other)).isEqualTo(others);
      assertThat(other.stats().restarts()).isZero();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"os.kill(os.getpid(), 9)", "os._exit(0)"})
  void anImportWhoseHookEndsEachForkIsStartedByExec(String end) {
    String hook = "import os\nos.register_at_fork(after_in_child=lambda: %s)\n".formatted(end);
    try (LogLines said = LogLines.ofWorkers();
        Pool pool = pool(hook + ADAPTER).size(2).start()) {
      soon().until(() -> ask(pool, "imported").size() == 2);
      soon().until(() -> !said.containing("started by exec instead").isEmpty());
      assertThat(said.containing("started by exec instead"))
          .singleElement()
          .asString()
          .contains("3 forks in a row ended");
    }
  }

  @Test
  void aSlowForkTakesItsTime() {
    String hook = "import os, time\nos.register_at_fork(before=lambda: time.sleep(0.6))\n";
    try (Pool pool = pool(hook + ADAPTER).size(10).start()) {
      assertThat(ask(pool, "imported")).hasSize(1);
      assertThat(pool.stats().restarts()).isZero();
    }
  }

  @Test
  void anImportThatLeavesTooFewDescriptorsToForkIsStartedByExec() {
    String lowers =
        """
        import resource
        HARD = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (128, HARD))
        """;
    try (LogLines said = LogLines.ofWorkers();
        Pool pool = pool(lowers + ADAPTER).size(2).start()) {
      soon().until(() -> ask(pool, "imported").size() == 2);
      soon().until(() -> !said.containing("started by exec instead").isEmpty());
      assertThat(said.containing("started by exec instead"))
          .singleElement()
          .asString()
          .contains("the limit of open files to 128");
    }
  }

  @Test
  void aForkForWhichThereIsNoMemoryFailsTheStartWithTheKernelsWord() {
    String withoutMemory =
        """
        import errno, os
        from terrarium import _stdlib
        def fork():
            raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
        _stdlib.os.fork = fork
        """;
    PoolBuilder pool = pool(withoutMemory + ADAPTER).size(2);
    assertThat(failure(StartFailedException.class, pool::start))
        .hasMessageContaining("fork: Cannot allocate memory");
  }

  @Test
  void workersDrawNumbersOfTheirOwnThoughTheyShareAGenerator() {
    String numpy = // as far as reseeding goes
        """
        import random, sys, types
        GENERATOR = random.Random(1)
        for name in ("numpy", "numpy.random"):
            sys.modules[name] = types.ModuleType(name)
        sys.modules["numpy.random"].seed = lambda: GENERATOR.seed()

        from terrarium import on_start, tool
        DRAWN = []

        @on_start
        def draw():
            DRAWN.append(GENERATOR.random())

        @tool
        def drawn():
            return DRAWN[0]
        """;
    try (Pool pool = pool(numpy + ADAPTER).size(3).start()) {
      soon().until(() -> ask(pool, "drawn").size() == 3);
    }
  }

  @Test
  void anImportThatClosesItsOutputsIsForked() {
    try (Pool pool = pool("import os\nos.close(1)\nos.close(2)\n" + ADAPTER).size(2).start()) {
      assertThat(ask(pool, "imported")).hasSize(1);
    }
  }

  @Test
  void anImportThatExitsIsSaidAsWhatItWas() {
    var polite = failure(StartFailedException.class, () -> pool("import sys; sys.exit(4)").start());
    assertThat(polite.reason()).isEqualTo(StartFailedException.Reason.ADAPTER_EXITED);
    var rude =
        failure(
            StartFailedException.class,
            () -> pool("import os; print('bye', flush=True); os._exit(5)").start());
    assertThat(rude.reason()).isEqualTo(StartFailedException.Reason.WORKER_DIED);
    assertThat(rude).hasMessageContaining("status 5");
  }

  @Test
  void anImportThatFailsIsSaidWithItsTraceback() {
    var failed =
        failure(StartFailedException.class, () -> pool("import nothing_of_that_name").start());
    assertThat(failed.reason()).isEqualTo(StartFailedException.Reason.ADAPTER_IMPORT);
    assertThat(failed).hasMessageContaining("nothing_of_that_name").hasMessageContaining("line 1");
  }

  @Test
  void anImportThatTakesItsTimeIsWaitedForAndPrintsOnce() {
    String slow = "import time; time.sleep(5); print('imported at last')\n";
    try (LogLines said = LogLines.of("terrarium.python.forked");
        Pool pool = pool(slow + ADAPTER).size(3).start()) {
      assertThat(ask(pool, "imported")).hasSize(1);
      soon().until(() -> !said.containing("imported at last").isEmpty());
      assertThat(said.containing("imported at last")).containsExactly("INFO imported at last");
    }
  }

  @Test
  void anImportThatTakesLongerThanTheStartMayIsSaid() {
    PoolBuilder builder =
        pool("import time\nwhile True: time.sleep(1)").startTimeout(Duration.ofMillis(500));
    var failed = failure(StartFailedException.class, builder::start);
    assertThat(failed.reason()).isEqualTo(StartFailedException.Reason.TIMED_OUT);
  }

  @Test
  void aZygoteThatLeaksIsReplaced() {
    String leak =
        """
        import os
        LEAK = []
        os.register_at_fork(before=lambda: LEAK.append(bytearray(90 * 2**20)))
        """;
    try (LogLines said = LogLines.of("terrarium.python");
        Pool pool = pool(leak + ADAPTER).start()) {
      soon().until(() -> !said.containing("the zygote ends: it has grown by").isEmpty());
      kill(pid(pool));
      soon().until(() -> pool.stats().idle() == 1 && pool.stats().restarts() == 1);
      assertThat(ask(pool, "pid")).hasSize(1);
    }
  }

  @Test
  void aZygoteThatNeverForksAnybodyIsNotTriedForEver() {
    String deadly = "import os; os.register_at_fork(before=lambda: os._exit(3))\n";
    try (LogLines said = LogLines.ofWorkers();
        Pool pool = pool(deadly + ADAPTER).size(2).start()) {
      soon().until(() -> ask(pool, "imported").size() == 2);
      soon().until(() -> !said.containing("ended 3 times before it had forked a worker").isEmpty());
      assertThat(pool.stats().restarts()).isZero();
    }
  }

  @Test
  void anAdapterThatIsChangedLaterChangesNobody() {
    for (Start start : Start.values()) {
      try (Pool pool = pool(ADAPTER + "\n@tool\ndef version(): return 1\n").start(start).start()) {
        assertThat(pool.tool("version").call(Integer.class)).isOne();
        pool(ADAPTER + "\n@tool\ndef version(): return 2\n");
        zygote().ifPresent(zygote -> kill(zygote.pid()));
        long worker = pid(pool);
        kill(worker);
        soon().until(() -> pool.stats().idle() == 1 && !pids(pool).equals(List.of(worker)));
        assertThat(pool.tool("version").call(Integer.class)).isOne();
      }
    }
  }

  @Test
  void threadsOfNativeLibrariesAreLimitedUnlessSaidOtherwise() {
    try (Pool pool = pool(ADAPTER).environment("OMP_NUM_THREADS", "3").start()) {
      assertThat(variable(pool, "OPENBLAS_NUM_THREADS")).isEqualTo("1");
      assertThat(variable(pool, "OMP_NUM_THREADS")).isEqualTo("3");
    }
    try (Pool pool = pool(ADAPTER).withoutEnvironment("OPENBLAS_NUM_THREADS").start()) {
      assertThat(variable(pool, "OPENBLAS_NUM_THREADS")).isNull();
    }
  }

  private static @Nullable String variable(Pool pool, String name) {
    return pool.call("variable", Map.of("name", name), String.class);
  }

  @Test
  void withoutRoomForAThreadTheStartFailsAndSaysWhy() {
    String narrow =
        """
        import resource
        used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + 2**21, used + 2**21))  # a stack needs 8 MiB
        """;
    var failed = failure(StartFailedException.class, () -> pool(narrow + ADAPTER).size(3).start());
    assertThat(failed.getMessage()).containsIgnoringCase("thread");
  }

  @Test
  void aThousandWorkersStartServeAndEnd() {
    try (Pool pool = pool(ADAPTER).size(1_000).maxWaiting(20_000).start()) {
      assertThat(pids(pool)).hasSize(1_000).doesNotHaveDuplicates();
      assertThat(ask(pool, "imported")).hasSize(1);
    }
  }

  @Test
  void filesOfTheZygoteAreNotInItsWorkers() throws Exception {
    try (Pool pool = pool(ADAPTER).size(2).start()) {
      for (long worker : pids(pool)) {
        try (var open = Files.list(Path.of("/proc", Long.toString(worker), "fd"))) {
          assertThat(open.map(ZygoteTest::target).toList())
              .noneMatch(file -> file.contains("terrarium-spec"))
              .hasSizeLessThan(14);
        }
      }
    }
  }

  private static String target(Path descriptor) {
    try {
      return Files.readSymbolicLink(descriptor).toString();
    } catch (java.io.IOException e) {
      return "closed in the meantime";
    }
  }
}
