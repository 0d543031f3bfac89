package dev.terrarium;

import static dev.terrarium.Trouble.awaitWhole;
import static dev.terrarium.Trouble.failure;
import static dev.terrarium.Trouble.pid;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.terrarium.testkit.Procs;
import java.lang.ref.WeakReference;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// A call takes longer than it may.
@Timeout(90)
final class DeadlineTest {
  private static final Duration DEADLINE = Duration.ofSeconds(1);

  /// The stacks may take 450 ms; the rest is for a machine that others use too.
  private static final Duration LATEST = Duration.ofSeconds(4);

  private static final Duration NEVER = Duration.ofSeconds(60);
  private static final Duration SOON = Duration.ofMillis(100);

  @TempDir private Path directory;

  @ParameterizedTest
  @ValueSource(strings = {"loop", "sleep", "nap"})
  void aCallThatCanBeInterruptedIsAndItsWorkerLivesOn(String tool) {
    try (Pool pool = Trouble.pool().cancelGrace(NEVER).start()) {
      long worker = pid(pool);
      DeadlineExceededException error = exceed(endless(pool, tool));
      assertThat(error.pythonStacks()).contains("in " + tool + "\n").contains("trouble.py");
      assertThat(error).hasMessageContaining("'" + tool + "'").hasMessageContaining("1 s");
      awaitWhole(pool);
      assertThat(pid(pool)).isEqualTo(worker);
      assertThat(pool.stats().restarts()).isZero();
    }
  }

  @Test
  void aCallThatHasEndedIsNotKeptUntilItsDeadline() {
    try (Pool pool = Trouble.pool().start()) {
      List<WeakReference<?>> ended =
          Stream.generate(() -> endedCall(pool)).limit(20).collect(Collectors.toList());
      await()
          .atMost(Trouble.PATIENCE)
          .until(
              () -> {
                System.gc();
                return ended.stream().allMatch(call -> call.refersTo(null));
              });
    }
  }

  private static WeakReference<?> endedCall(Pool pool) {
    var call = pool.tool("echo").args("well").deadline(Duration.ofDays(1)).callAsync(String.class);
    assertThat(call.join()).isEqualTo("well");
    return new WeakReference<>(call);
  }

  @ParameterizedTest
  @ValueSource(strings = {"hold_gil", "hold_gil_in_libc", "swallow"})
  void aCallThatCannotBeInterruptedCostsItsWorker(String tool) {
    try (Pool pool = Trouble.pool().cancelGrace(SOON).start()) {
      long worker = pid(pool);
      DeadlineExceededException error = exceed(endless(pool, tool));
      assertThat(error.pythonStacks()).contains("in " + tool + "\n");
      Procs.awaitGone(worker, Trouble.PATIENCE);
      awaitWhole(pool);
      assertThat(pool.stats().restarts()).isEqualTo(1);
    }
  }

  @Test
  void aStoppedWorkerHasNoStacksAndIsReplaced() {
    try (Pool pool = Trouble.pool().cancelGrace(SOON).start()) {
      long worker = pid(pool);
      DeadlineExceededException error = exceed(pool.tool("stop_self"));
      assertThat(error.pythonStacks()).isEmpty();
      assertThat(error).hasMessageContaining("could not say");
      Procs.awaitGone(worker, Trouble.PATIENCE);
      awaitWhole(pool);
    }
  }

  @Test
  void otherCallsOfTheSameWorkerDoNotNotice() {
    try (Pool pool = Trouble.pool().concurrency(2).cancelGrace(NEVER).start()) {
      var other = pool.tool("nap").args(2).callAsync(String.class);
      exceed(pool.tool("nap").args(1000));
      assertThat(other).isNotDone();
      assertThat(other.join()).isEqualTo("napped");
      assertThat(pool.stats().restarts()).isZero();
    }
  }

  @Test
  void callsOfOtherWorkersDoNotNoticeThatOneIsReplaced() {
    try (Pool pool = Trouble.pool().size(2).cancelGrace(SOON).start()) {
      Path go = directory.resolve("go");
      var other = pool.tool("wait").args(go.toString()).callAsync(String.class);
      exceed(pool.tool("hold_gil"));
      await().until(() -> pool.stats().restarts() == 1);
      Trouble.write(go, "");
      assertThat(other.join()).isEqualTo("waited");
      awaitWhole(pool);
    }
  }

  @Test
  void itPassesInTheQueueAsWell() {
    try (Pool pool = Trouble.pool().start()) {
      Path go = directory.resolve("go");
      CompletableFuture<@Nullable String> occupant =
          pool.tool("wait").args(go).callAsync(String.class);
      DeadlineExceededException error = exceed(pool.tool("echo"));
      assertThat(error.pythonStacks()).isEmpty();
      assertThat(error)
          .hasMessageContaining("while it waited")
          .hasMessageContaining("size 1, busy 1, waiting");
      assertThat(pool.stats().waiting()).isZero();
      Trouble.write(go, "");
      assertThat(occupant.join()).isEqualTo("waited");
    }
  }

  @Test
  void aToolSeesWhatIsLeftOfIt() {
    try (Pool pool = Trouble.pool().start()) {
      Duration deadline = Duration.ofSeconds(30);
      double left = requireNonNull(pool.tool("remaining").deadline(deadline).call(Double.class));
      assertThat(left).isBetween(15.0, 30.0);
    }
  }

  @Test
  void whatACallWaitedIsGoneFromItsDeadline() {
    try (Pool pool = Trouble.pool().cancelGrace(NEVER).start()) {
      CompletableFuture<@Nullable Object> occupant =
          endless(pool, "sleep").deadline(DEADLINE).callAsync(Object.class);
      Duration deadline = Duration.ofSeconds(30);
      double left = requireNonNull(pool.tool("remaining").deadline(deadline).call(Double.class));
      // The occupant was there for a second, the call came a moment after it.
      assertThat(left).isBetween(10.0, 29.2);
      failure(DeadlineExceededException.class, occupant);
    }
  }

  @Test
  void aResultThatComesAtTheSameTimeMakesOneOutcome() {
    int results = 0;
    try (Pool pool = Trouble.pool().cancelGrace(NEVER).start()) {
      long worker = pid(pool);
      for (int i = 0; i < 100; i++) {
        results += race(pool, Duration.ofMillis(10 + i % 20)) ? 1 : 0;
        assertThat(pool.tool("echo").args(i).call(Integer.class)).isEqualTo(i);
      }
      assertThat(pid(pool)).isEqualTo(worker);
      assertThat(pool.stats().restarts()).isZero();
    }
    System.out.println("a race of 100 results with their deadlines: " + results + " were in time");
  }

  /// It was lost where it passed after the call had left the caller and before it had reached the
  /// worker: neither the queue nor a worker had the call, and it ran for ever.
  @Test
  void aShortOneIsNotLostOnTheWayToTheWorker() {
    try (Pool pool = Trouble.pool().cancelGrace(NEVER).start()) {
      for (int i = 0; i < 300; i++) {
        var call = pool.tool("sleep").args(1000).deadline(Duration.ofNanos(1_000L * (1 + i)));
        failure(DeadlineExceededException.class, call.callAsync(Object.class));
      }
      awaitWhole(pool);
      assertThat(pool.stats().waiting()).isZero();
      assertThat(pool.stats().restarts()).isZero();
    }
  }

  private static boolean race(Pool pool, Duration deadline) {
    try {
      assertThat(pool.tool("sleep").args(0.012).deadline(deadline).call(String.class))
          .isEqualTo("slept");
      return true;
    } catch (DeadlineExceededException e) {
      return false;
    }
  }

  private static ToolCall endless(Pool pool, String tool) {
    boolean timed = List.of("sleep", "nap").contains(tool);
    return timed ? pool.tool(tool).arg("seconds", 1000) : pool.tool(tool);
  }

  /// Calls with the deadline, and asserts that the error comes on time.
  private static DeadlineExceededException exceed(ToolCall call) {
    long start = System.nanoTime();
    var error =
        failure(DeadlineExceededException.class, () -> call.deadline(DEADLINE).call(Object.class));
    Duration took = Duration.ofNanos(System.nanoTime() - start);
    assertThat(took).isBetween(DEADLINE, LATEST);
    return error;
  }
}
