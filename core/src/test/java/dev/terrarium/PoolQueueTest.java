package dev.terrarium;

import static dev.terrarium.Trouble.PATIENCE;
import static dev.terrarium.Trouble.awaitFile;
import static dev.terrarium.Trouble.awaitWhole;
import static dev.terrarium.Trouble.failure;
import static dev.terrarium.Trouble.pid;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// Who gets which worker, and when.
@Timeout(90)
final class PoolQueueTest {
  @TempDir private Path directory;

  @Test
  void aThousandCallsOnAFullPoolGetOneClearErrorEach() {
    try (Pool pool = Trouble.pool().maxWaiting(10).start()) {
      var occupant = occupy(pool);
      List<CompletableFuture<Integer>> waiting = echoes(pool, 10);
      List<CompletableFuture<Integer>> rejected = echoes(pool, 1_000);
      assertThat(rejected).allSatisfy(PoolQueueTest::isSaturated);
      assertThat(waiting).noneMatch(CompletableFuture::isDone);
      assertThat(pool.stats().waiting()).isEqualTo(10);
      release();
      assertThat(occupant.join()).isEqualTo("waited");
      assertThat(waiting.stream().map(CompletableFuture::join))
          .containsExactly(0, 1, 2, 3, 4, 5, 6, 7, 8, 9);
      assertThat(pool.stats().calls()).isEqualTo(11);
    }
  }

  private static void isSaturated(CompletableFuture<Integer> call) {
    PoolSaturatedException error = failure(PoolSaturatedException.class, call);
    assertThat(error.waiting()).isEqualTo(10);
    assertThat(error.limit()).isEqualTo(10);
    assertThat(error)
        .hasMessage(
            "Pool 'trouble': the queue is full (size 1, busy 1, waiting 10 of 10); raise size or"
                + " shorten calls");
  }

  @Test
  void aPoolWithoutAQueueTakesOneCallPerWorker() {
    try (Pool pool = Trouble.pool().maxWaiting(0).start()) {
      assertThat(pool.tool("echo").args(1).call(Integer.class)).isEqualTo(1);
      var occupant = occupy(pool);
      var second = pool.tool("echo").args(2);
      assertThat(failure(PoolSaturatedException.class, () -> second.call(Integer.class)).limit())
          .isZero();
      release();
      occupant.join();
    }
  }

  @Test
  void whoWaitsTooLongIsTold() {
    try (Pool pool = Trouble.pool().maxWait(Duration.ofMillis(200)).start()) {
      var occupant = occupy(pool);
      var call = pool.tool("echo").args(1);
      PoolSaturatedException error =
          failure(PoolSaturatedException.class, () -> call.call(Integer.class));
      assertThat(error)
          .hasMessageContaining("no worker became free within 200 ms")
          .hasMessageContaining("size 1, busy 1, waiting 1 of 1000");
      assertThat(error.waiting()).isEqualTo(1);
      assertThat(pool.stats().waiting()).isZero();
      release();
      occupant.join();
      awaitWhole(pool);
    }
  }

  @Test
  void callersAreServedOldestFirst() {
    Path note = directory.resolve("note");
    try (Pool pool = Trouble.pool().environment("TROUBLE_NOTE", note.toString()).start()) {
      var occupant = occupy(pool);
      var calls =
          IntStream.range(0, 50)
              .mapToObj(i -> pool.tool("write_note").args("call " + i).callAsync(Object.class))
              .toList();
      release();
      calls.forEach(CompletableFuture::join);
      assertThat(occupant.join()).isEqualTo("waited");
      assertThat(Trouble.text(note).lines())
          .containsExactlyElementsOf(IntStream.range(0, 50).mapToObj(i -> "call " + i).toList());
    }
  }

  @Test
  void theWorkerThatWasUsedLastIsUsedNext() {
    try (Pool pool = Trouble.pool().size(4).start()) {
      Set<Long> used = new HashSet<>();
      for (int i = 0; i < 40; i++) {
        used.add(pool.tool("pid").call(Long.class));
      }
      assertThat(used).hasSize(1);
    }
  }

  @Test
  void aThousandCallsThatWaitNeedTenWorkers() throws IOException {
    try (Pool pool = Trouble.pool().size(10).concurrency(100).start()) {
      Path go = directory.resolve("go");
      Path here = Files.createDirectory(directory.resolve("here"));
      List<CompletableFuture<String>> calls =
          IntStream.range(0, 1_000)
              .mapToObj(i -> pool.tool("wait_async").args(go, here.resolve("" + i), 0.2))
              .map(call -> call.callAsync(String.class))
              .toList();
      // All of them are there before any may go.
      await().atMost(PATIENCE).until(() -> here.toFile().list().length == 1_000);
      assertThat(pool.stats().waiting()).isZero();
      Trouble.write(go, "");
      assertThat(calls.stream().map(CompletableFuture::join)).containsOnly("waited");
    }
  }

  @Test
  void fiftyAsyncCallsOverlapOnOneWorker() {
    try (Pool pool = Trouble.pool().concurrency(50).start()) {
      Path go = directory.resolve("go");
      var calls = new ArrayList<CompletableFuture<@Nullable String>>();
      for (int i = 0; i < 50; i++) {
        Path here = directory.resolve("here-" + i);
        calls.add(pool.tool("wait_async").args(go, here).callAsync(String.class));
      }
      // All of them are there before any may go.
      IntStream.range(0, 50).forEach(i -> awaitFile(directory.resolve("here-" + i)));
      assertThat(pool.stats().busy()).isEqualTo(1);
      assertThat(pool.stats().waiting()).isZero();
      Trouble.write(go, "");
      assertThat(calls.stream().map(CompletableFuture::join)).containsOnly("waited");
    }
  }

  @Test
  void plainToolsOfOneWorkerRunOneAfterTheOther() {
    Path note = directory.resolve("note");
    PoolBuilder builder = Trouble.pool().environment("TROUBLE_NOTE", note.toString());
    try (Pool pool = builder.concurrency(8).start()) {
      var calls =
          IntStream.range(0, 8)
              .mapToObj(_ -> pool.tool("begin_and_end").callAsync(Object.class))
              .toList();
      calls.forEach(CompletableFuture::join);
      assertThat(Trouble.text(note)).isEqualTo("begin\nend\n".repeat(8));
    }
  }

  @Test
  void statsSayWhatIsGoingOn() {
    try (Pool pool = Trouble.pool().size(2).start()) {
      PoolStats before = pool.stats();
      assertThat(before.idle()).isEqualTo(2);
      assertThat(before.workers())
          .extracting(PoolStats.WorkerInfo::id)
          .containsExactlyInAnyOrder("trouble-1", "trouble-2");
      var occupant = occupy(pool);
      PoolStats during = pool.stats();
      assertThat(during.busy()).isEqualTo(1);
      assertThat(during.idle()).isEqualTo(1);
      assertThat(during.calls()).isEqualTo(1);
      release();
      occupant.join();
      Trouble.kill(pool.stats().workers().getFirst().pid());
      await().until(() -> pool.stats().restarts() == 1);
      awaitWhole(pool);
      assertThat(pool.stats().size()).isEqualTo(2);
    }
  }

  @Test
  void aClosedPoolSaysSo() {
    Pool pool = Trouble.pool().start();
    long worker = pid(pool);
    pool.close();
    pool.close();
    failure(PoolClosedException.class, () -> pool.tool("pid").call(Long.class));
    assertThat(dev.terrarium.testkit.Procs.alive(worker)).isFalse();
    assertThat(pool.stats().workers()).isEmpty();
  }

  private CompletableFuture<@Nullable String> occupy(Pool pool) {
    Path started = directory.resolve("occupied");
    var call = pool.tool("wait").args(directory.resolve("go"), started).callAsync(String.class);
    awaitFile(started);
    return call;
  }

  private void release() {
    Trouble.write(directory.resolve("go"), "");
  }

  private static List<CompletableFuture<Integer>> echoes(Pool pool, int count) {
    return IntStream.range(0, count)
        .mapToObj(i -> pool.tool("echo").args(i).callAsync(Integer.class))
        .toList();
  }
}
