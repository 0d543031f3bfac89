package dev.terrarium;

import static dev.terrarium.Trouble.awaitFile;
import static dev.terrarium.Trouble.awaitWhole;
import static dev.terrarium.Trouble.failure;
import static dev.terrarium.Trouble.pid;
import static dev.terrarium.Trouble.pids;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.terrarium.testkit.Procs;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// A worker dies in the middle of a call, in all the ways there are.
@Timeout(90)
final class WorkerDeathTest {
  private static final Duration PROMISE = Duration.ofSeconds(5);

  @TempDir private Path directory;

  @Test
  void killedInTheMiddleOfACallItIsNamedAndReplaced() {
    try (Pool pool = Trouble.pool().start()) {
      long first = pid(pool);
      CompletableFuture<@Nullable Object> call = sleepFor(pool, 1000);
      Trouble.kill(first);
      WorkerDiedException error = failure(WorkerDiedException.class, call);
      assertThat(error.exit()).isEqualTo(new Exit.Signal(9));
      assertThat(error.worker()).isEqualTo("trouble-1");
      assertThat(error).hasMessageContaining("'sleep'").hasMessageContaining("SIGKILL");
      awaitWhole(pool);
      assertThat(pool.stats().restarts()).isEqualTo(1);
      assertThat(pool.stats().size()).isEqualTo(1);
    }
  }

  @Test
  void itsLastWordsOnStderrAreInTheException() {
    try (Pool pool = Trouble.pool().start()) {
      long worker = pid(pool);
      for (int i = 1; i <= 60; i++) {
        pool.tool("say").args("line " + i, "stderr").call(Object.class);
      }
      CompletableFuture<@Nullable Object> call = sleepFor(pool, 1000);
      Trouble.kill(worker);
      List<String> tail = failure(WorkerDiedException.class, call).stderrTail().lines().toList();
      assertThat(tail).hasSize(50).startsWith("line 11").endsWith("line 60");
    }
  }

  @Test
  void whatItStartedDiesWithItAndWhatItsNeighbourStartedDoesNot() {
    try (Pool pool = Trouble.pool().size(2).start()) {
      Map<Long, List<Long>> below = startChildrenInBoth(pool);
      assertThat(below).hasSize(2);
      long victim = pids(pool).getFirst();
      long neighbour = pids(pool).getLast();
      Trouble.kill(victim);
      below.getOrDefault(victim, List.of()).forEach(pid -> Procs.awaitGone(pid, PROMISE));
      assertThat(below.get(neighbour)).hasSize(3).allMatch(Procs::alive);
      assertThat(Procs.alive(neighbour)).isTrue();
      awaitWhole(pool);
      assertThat(pids(pool)).contains(neighbour).doesNotContain(victim);
    }
  }

  /// Neither call ends before the file is there, so they are on two workers.
  private Map<Long, List<Long>> startChildrenInBoth(Pool pool) {
    Path go = directory.resolve("go");
    var call = pool.tool("family_and_wait").arg("go", go.toString());
    CompletableFuture<@Nullable Family> one = call.callAsync(Family.class);
    CompletableFuture<@Nullable Family> two = call.callAsync(Family.class);
    Trouble.write(go, "");
    return Map.of(one.join().worker(), one.join().below(), two.join().worker(), two.join().below());
  }

  record Family(long worker, List<Long> below) {}

  @ParameterizedTest
  @ValueSource(strings = {"leave", "leave_at_once"})
  void oneThatExitsIsNamedByItsStatus(String tool) {
    try (Pool pool = Trouble.pool().start()) {
      var call = pool.tool(tool).args(3);
      WorkerDiedException error = failure(WorkerDiedException.class, () -> call.call(Object.class));
      assertThat(error.exit()).isEqualTo(new Exit.Status(3));
      assertThat(error).hasMessageContaining("exited with status 3");
      assertThat(error.stderrTail().contains("last words")).isEqualTo(tool.equals("leave"));
      awaitWhole(pool);
    }
  }

  @Test
  void aSegmentationFaultIsNamedAndShowsWhereItWas() {
    try (Pool pool = Trouble.pool().start()) {
      WorkerDiedException error =
          failure(WorkerDiedException.class, () -> pool.call("segfault", Map.of(), Object.class));
      assertThat(error.exit()).isEqualTo(new Exit.Signal(11));
      assertThat(error.stderrTail()).contains("Segmentation fault").contains("in segfault");
      awaitWhole(pool);
    }
  }

  /// The report of its death comes another way than its result, and may be read first.
  @RepeatedTest(10)
  void aResultThatWasSentBeforeTheDeathCounts() {
    try (Pool pool = Trouble.pool().start()) {
      var call = pool.tool("answer_and_die").args("last words");
      assertThat(call.call(String.class)).isEqualTo("last words");
      await().until(() -> pool.stats().restarts() == 1); // until then it looks idle
      awaitWhole(pool);
    }
  }

  @Test
  void anIdleOneIsReplacedWithoutAnyCall() {
    try (Pool pool = Trouble.pool().size(2).start()) {
      long victim = pids(pool).getFirst();
      Trouble.kill(victim);
      Procs.awaitGone(victim, PROMISE);
      awaitWhole(pool);
      assertThat(pids(pool)).hasSize(2).doesNotContain(victim);
      assertThat(pool.stats().restarts()).isEqualTo(1);
    }
  }

  @Test
  void allCallsInFlightOnItGetTheSameAnswer() {
    try (Pool pool = Trouble.pool().concurrency(3).start()) {
      var calls = new ArrayList<CompletableFuture<@Nullable Object>>();
      for (int i = 0; i < 3; i++) {
        Path started = directory.resolve("nap-" + i);
        calls.add(pool.tool("nap").args(1000, started.toString()).callAsync(Object.class));
        awaitFile(started);
      }
      Trouble.kill(pid(pool));
      assertThat(calls)
          .allSatisfy(
              call ->
                  assertThat(failure(WorkerDiedException.class, call).exit())
                      .isEqualTo(new Exit.Signal(9)));
    }
  }

  private CompletableFuture<@Nullable Object> sleepFor(Pool pool, double seconds) {
    Path started = directory.resolve("started");
    var call = pool.tool("sleep").args(seconds, started.toString()).callAsync(Object.class);
    awaitFile(started);
    return call;
  }
}
