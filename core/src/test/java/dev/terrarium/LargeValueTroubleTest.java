package dev.terrarium;

import static dev.terrarium.Trouble.awaitFile;
import static dev.terrarium.Trouble.awaitWhole;
import static dev.terrarium.Trouble.failure;
import static dev.terrarium.Trouble.kill;
import static dev.terrarium.Trouble.pid;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Large values whose transfer is refused, lied about, cancelled or killed.
@Timeout(90)
final class LargeValueTroubleTest {
  private static final int LARGE = 3 << 20;
  private static final int HUGE = 256 << 20;

  @TempDir private Path directory;

  @AfterEach
  void nothingIsLeft() {
    Memory.awaitFiles(0);
  }

  @Test
  void withoutMemoryFilesOfTheJvmAllTravelsInFrames() {
    System.setProperty("terrarium.memfd", "off");
    try (Pool pool = Memory.pool().start()) {
      assertTravelsInFrames(pool);
    } finally {
      System.clearProperty("terrarium.memfd");
    }
  }

  @Test
  void aWorkerThatTakesNoneGetsFrames() {
    try (Pool pool = Memory.pool().environment("TERRARIUM_MEMFD", "off").start()) {
      assertTravelsInFrames(pool);
    }
  }

  private static void assertTravelsInFrames(Pool pool) {
    byte[] bytes = new byte[LARGE];
    bytes[LARGE - 1] = 3;
    assertThat(pool.tool("echo").args(bytes).call(byte[].class)).isEqualTo(bytes);
    var views = pool.tool("echo_view").args(bytes);
    assertThat(requireNonNull(views.call(new TypeRef<List<byte[]>>() {})).getFirst())
        .isEqualTo(bytes);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment segment =
          requireNonNull(pool.tool("make").args(LARGE).call(MemorySegment.class, arena));
      assertThat(segment.get(ValueLayout.JAVA_BYTE, LARGE - 1)).isZero();
    }
    assertThat(pool.call("files", Map.of(), Integer.class)).isZero();
    assertThat(Memory.files()).isZero();
  }

  @Test
  void aWorkerToWhichTheKernelGivesNoneAnswersInFrames() {
    try (Pool pool = Memory.pool().start()) {
      pool.call("refuse_memory", Map.of(), Object.class);
      byte[] bytes = new byte[LARGE];
      assertThat(pool.tool("echo").args(bytes).call(byte[].class)).isEqualTo(bytes);
      assertThat(pool.call("files", Map.of(), Integer.class)).isZero();
    }
  }

  @Test
  void aWorkerWithoutDescriptorsLosesTheCallAndAnswersInFrames() {
    try (Pool pool = Memory.pool().start()) {
      pool.call("use_up", Map.of(), Object.class);
      var call = pool.tool("echo").args(new byte[LARGE]);
      assertThat(failure(ToolException.class, () -> call.call(byte[].class)).python())
          .returns("OSError", ToolException.PythonError::type)
          .extracting(ToolException.PythonError::message)
          .asString()
          .contains("an argument of %d bytes cannot be opened in this worker".formatted(LARGE))
          .endsWith("Too many open files");
      assertThat(pool.tool("make").args(LARGE).call(byte[].class)).hasSize(LARGE);
      pool.tool("keep_view").args(new byte[1_000]).call(Object.class);
      pool.call("stop_using", Map.of(), Object.class);
      assertEchoes(pool);
      assertThat(pool.stats().restarts()).isZero();
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          no descriptor | its memory is gone
          minus one     | its memory is gone
          null          | it is no memory file of ours
          fifo          | it is no memory file of ours
          file          | it is no memory file of ours
          another name  | it is no memory file of ours
          not sealed    | it is not sealed against shrinking
          too small     | it has 1048575 bytes, not 1048576
          nothing       | an empty attachment in a memory file
          too much      | bytes, the limit is 1073741824
          an error      | bytes, the limit is 1073741824
          """)
  void aWorkerThatLiesAboutItsMemoryIsReplacedWithTheReason(String lie, String reason) {
    try (Pool pool = Memory.pool().start()) {
      var call = pool.tool("lie").args(lie);
      assertThat(failure(WorkerDiedException.class, () -> call.call(byte[].class)))
          .hasMessageContaining(reason);
      awaitWhole(pool);
      assertThat(pool.stats().restarts()).isEqualTo(1);
    }
  }

  @Test
  void aWorkerThatDiesBeforeItsMemoryIsOpenedHasDied() {
    try (Pool pool = Memory.pool().start()) {
      var call = pool.tool("die_after_answer").args(LARGE);
      assertThat(failure(WorkerDiedException.class, () -> call.call(byte[].class)).exit())
          .isIn(new Exit.Signal(9), new Exit.Status(0)); // it may notice that it was cut off
      awaitWhole(pool);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"nap", "nap_viewing"})
  void aWorkerThatIsKilledWithItsArgumentsCostsTheJvmNothing(String tool) {
    try (Pool pool = Memory.pool().start()) {
      Path started = directory.resolve("started");
      CompletableFuture<@Nullable Object> call =
          pool.tool(tool).args(new byte[HUGE], started.toString()).callAsync(Object.class);
      awaitFile(started);
      kill(pid(pool));
      failure(WorkerDiedException.class, call);
      Memory.awaitFiles(0);
      awaitWhole(pool);
      assertEchoes(pool);
    }
  }

  @Test
  void aWorkerThatIsKilledWhileItWritesItsResultCostsTheJvmNothing() {
    try (Pool pool = Memory.pool().start()) {
      var call = pool.tool("die_while_writing").args(HUGE);
      failure(WorkerDiedException.class, () -> call.call(byte[].class));
      Memory.awaitFiles(0);
      awaitWhole(pool);
      assertEchoes(pool);
    }
  }

  @Test
  void aResultOutlivesItsWorker() {
    try (Pool pool = Memory.pool().start();
        Arena arena = Arena.ofConfined()) {
      MemorySegment segment =
          requireNonNull(pool.tool("make").args(HUGE).call(MemorySegment.class, arena));
      kill(pid(pool));
      await().atMost(Trouble.PATIENCE).until(() -> pool.stats().restarts() == 1);
      awaitWhole(pool);
      assertThat(segment.get(ValueLayout.JAVA_BYTE, HUGE - 1)).isZero();
      assertThat(Memory.mappings()).isEqualTo(1);
    }
  }

  @Test
  void aCallThatIsCancelledWhileItsArgumentsTravelKeepsNothing() {
    try (Pool pool = Memory.pool().cancelGrace(Trouble.PATIENCE).start()) {
      byte[] bytes = new byte[HUGE];
      Path started = directory.resolve("started");
      CompletableFuture<@Nullable Object> running =
          pool.tool("nap").args(bytes, started.toString()).callAsync(Object.class);
      CompletableFuture<@Nullable Object> waiting =
          pool.tool("echo").args(bytes).callAsync(Object.class);
      awaitFile(started);
      running.cancel(true);
      waiting.cancel(true);
      Memory.awaitFiles(0);
      awaitWhole(pool);
      for (int i = 0; i < 3; i++) {
        pool.tool("echo").args(bytes).callAsync(Object.class).cancel(true);
      }
      awaitWhole(pool);
      Memory.awaitFiles(0);
      assertEchoes(pool);
      assertThat(pool.stats().restarts()).isZero();
    }
  }

  @Test
  void aDeadlineThatPassesKeepsNothing() {
    try (Pool pool = Memory.pool().start()) {
      var call =
          pool.tool("nap_viewing")
              .args(new byte[HUGE], directory.resolve("started").toString())
              .deadline(Duration.ofMillis(500));
      failure(DeadlineExceededException.class, () -> call.call(Object.class));
      Memory.awaitFiles(0);
      awaitWhole(pool);
      assertEchoes(pool);
    }
  }

  @Test
  void aCallThatCannotBeSentKeepsNothing() {
    try (Pool pool = Memory.pool().start()) {
      var call = pool.tool("echo").args(new byte[HUGE], Thread.currentThread());
      failure(ValueException.class, () -> call.call(Object.class));
      Memory.awaitFiles(0);
      assertEchoes(pool);
    }
  }

  private static void assertEchoes(Pool pool) {
    byte[] bytes = new byte[LARGE];
    bytes[7] = 7;
    assertThat(pool.tool("echo").args(bytes).call(byte[].class)).isEqualTo(bytes);
  }
}
