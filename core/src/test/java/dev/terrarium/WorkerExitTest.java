package dev.terrarium;

import static dev.terrarium.Trouble.PATIENCE;
import static dev.terrarium.Trouble.failure;
import static dev.terrarium.Trouble.kill;
import static dev.terrarium.Trouble.notes;
import static dev.terrarium.Trouble.pid;
import static dev.terrarium.Trouble.pids;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.awaitility.core.ConditionFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// What a process does on its way out: exit handlers run, once, where they belong, and helpers
/// clean up behind it.
@Timeout(120)
final class WorkerExitTest {
  private static final String NOTES =
      """
      import atexit, os

      def note(text):
          with open(os.environ["NOTES"], "a") as file:
              file.write(text + "\\n")

      """;

  private static final String DIRECTORY =
      """
      import os, sys, tempfile
      from terrarium import tool

      WORK = tempfile.TemporaryDirectory()
      with open(WORK.name + "/model.bin", "w") as file:
          file.write("weights")

      @tool
      def read():
          with open(WORK.name + "/model.bin") as file:
              return file.read()

      @tool
      def where():
          return WORK.name

      @tool
      def leave():
          sys.exit(0)
      """;

  private static final String SHARED =
      """
      from multiprocessing import shared_memory
      from terrarium import tool

      held = []

      @tool
      def hold():
          held.append(shared_memory.SharedMemory(create=True, size=100_000))
          return held[-1].name

      """;

  @TempDir private Path directory;

  private PoolBuilder pool(String source) {
    return Trouble.pool(directory, source)
        .name("leaving")
        .environment("NOTES", directory.resolve("notes").toString())
        .grace(PATIENCE); // a hang shows in what is not done, and in the log
  }

  private static ConditionFactory soon() {
    return await().atMost(PATIENCE).pollInterval(Duration.ofMillis(2));
  }

  /// The exit handler of `multiprocessing` waited for the pool's processes, which nobody had told
  /// to end; SIGTERM ended the worker, and its other handlers never ran.
  @ParameterizedTest
  @EnumSource(Start.class)
  void aWorkerThatOwnsAProcessPoolEndsPolitely(Start start) {
    String source =
        """
        atexit.register(note, "registered by the import")

        from concurrent.futures import ProcessPoolExecutor
        from terrarium import on_start, tool

        executor = ProcessPoolExecutor(2)

        @on_start
        def begin():
            atexit.register(note, "registered by the worker")

        @tool
        def absolute(n):
            return list(executor.map(abs, [n]))[0]
        """;
    try (LogLines said = LogLines.ofWorkers()) {
      try (Pool pool = pool(NOTES + source).start(start).start()) {
        assertThat(pool.tool("absolute").args(-3).call(Integer.class)).isEqualTo(3);
      }
      // The pool's pipes cannot be shared, so its zygote forks nobody: it has imported as well.
      long imports = start == Start.ZYGOTE ? 2 : 1;
      assertThat(notes(directory.resolve("notes")))
          .isEqualTo(Map.of("registered by the import", imports, "registered by the worker", 1L));
      assertThat(said.containing("has not ended within")).isEmpty();
    }
  }

  /// The first worker that ended deleted it for all.
  @Test
  void whatTheImportRegisteredRunsOnceWhenTheZygoteEnds() {
    String source = NOTES + "atexit.register(note, 'ran')\n" + DIRECTORY;
    Path work;
    try (Pool pool = pool(source).size(3).start()) {
      work = Path.of(requireNonNull(pool.tool("where").call(String.class)));
      List<Long> before = pids(pool);
      assertThat(failure(WorkerDiedException.class, () -> pool.tool("leave").call(Object.class)))
          .hasMessageContaining("status 0");
      soon().until(() -> pool.stats().idle() == 3 && !pids(pool).equals(before));
      List.of(1, 2, 3, 4, 5, 6, 7, 8, 9).stream()
          .map(_ -> pool.tool("read").callAsync(String.class))
          .toList()
          .forEach(answer -> assertThat(answer.join()).isEqualTo("weights"));
      assertThat(directory.resolve("notes")).doesNotExist();
    }
    assertThat(work).doesNotExist();
    assertThat(notes(directory.resolve("notes"))).isEqualTo(Map.of("ran", 1L));
  }

  /// A zygote that is replaced ends behind the last worker that it has forked: they read what its
  /// exit handlers remove.
  @Test
  void aZygoteThatIsReplacedWaitsForItsWorkers() {
    String leaks =
        """
        import os
        LEAK = []
        os.register_at_fork(before=lambda: LEAK.append(bytearray(90 * 2**20)))
        """;
    try (LogLines said = LogLines.ofWorkers();
        Pool pool = pool(leaks + DIRECTORY).start()) {
      soon().until(() -> !said.containing("ends when its workers have ended").isEmpty());
      Path work = Path.of(requireNonNull(pool.tool("where").call(String.class)));
      assertThat(pool.tool("read").call(String.class)).isEqualTo("weights");
      long worker = pid(pool);
      kill(worker);
      soon().until(() -> !Files.exists(work));
      soon().until(() -> pool.stats().idle() == 1 && pid(pool) != worker);
      assertThat(pool.tool("read").call(String.class)).isEqualTo("weights");
    }
  }

  /// A pool closes although a handler of the import hangs.
  @Test
  void anExitHandlerOfTheImportThatHangsIsGivenUp() {
    String hangs = "import time\natexit.register(lambda: (note('began'), time.sleep(1000)))\n";
    try (LogLines said = LogLines.ofWorkers()) {
      try (Pool pool = pool(NOTES + hangs + DIRECTORY).grace(Duration.ofSeconds(2)).start()) {
        assertThat(pool.tool("read").call(String.class)).isEqualTo("weights");
      }
      assertThat(said.containing("exit handlers")).hasSize(1);
    }
  }

  @ParameterizedTest
  @EnumSource(Start.class)
  void sharedMemoryGoesWithItsWorker(Start start) {
    String ofTheImport = SHARED + "\nCOMMON = hold()\n@tool\ndef common(): return COMMON\n";
    Path common;
    Path last;
    try (Pool pool = pool(ofTheImport).start(start).start()) {
      common = segment(pool, "common");
      Path first = segment(pool, "hold");
      long worker = pid(pool);
      kill(worker);
      soon().until(() -> !Files.exists(first));
      soon().until(() -> pool.stats().idle() == 1 && pid(pool) != worker);
      assertThat(Files.exists(common)).isEqualTo(start == Start.ZYGOTE);
      last = segment(pool, "hold");
      assertThat(last).exists();
    }
    soon().until(() -> !Files.exists(last) && !Files.exists(common));
  }

  private static Path segment(Pool pool, String tool) {
    return Path.of("/dev/shm", requireNonNull(pool.tool(tool).call(String.class)));
  }
}
