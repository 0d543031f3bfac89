package dev.terrarium;

import static dev.terrarium.Trouble.failure;
import static dev.terrarium.Trouble.inBackground;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.terrarium.testkit.Procs;
import dev.terrarium.testkit.Procs.Proc;
import dev.terrarium.testkit.Tracer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// A call on a worker that was dead, and whose death nobody had reported yet, never got an outcome
/// when its pool or its runtime was closed meanwhile: the worker was waiting for the report, the
/// close waited no longer than its bounds, and nobody was left to tell the caller.
@Timeout(120)
final class UnreportedDeathTest {
  private static final long SELF = ProcessHandle.current().pid();
  private static final Duration LONG = Duration.ofMinutes(30);

  /// What keeps the report of a death from coming.
  enum Hold {
    /// It does not look.
    STOPPED_WARDEN,
    /// It cannot collect the zombies.
    TRACERS
  }

  /// What is closed: a pool with a short grace, or the runtime with all defaults.
  enum Closed {
    POOL,
    RUNTIME
  }

  @TempDir Path home;
  @TempDir Path files;
  private final List<Tracer> tracers = new ArrayList<>();

  @AfterEach
  void letGo() {
    tracers.forEach(Tracer::close);
  }

  /// @param noticed whether the JVM has seen that the connections are closed
  @ParameterizedTest
  @CsvSource({
    "STOPPED_WARDEN, POOL, false",
    "STOPPED_WARDEN, POOL, true",
    "STOPPED_WARDEN, RUNTIME, false",
    "STOPPED_WARDEN, RUNTIME, true",
    "TRACERS, POOL, false",
    "TRACERS, POOL, true",
    "TRACERS, RUNTIME, false",
    "TRACERS, RUNTIME, true"
  })
  void aCloseEndsEveryCall(Hold hold, Closed closed, boolean noticed) {
    Terrarium runtime = Endings.runtime(home);
    try {
      PoolBuilder described = Endings.pool(runtime).size(4);
      Pool pool =
          (closed == Closed.POOL ? described.grace(Duration.ofMillis(300)) : described).start();
      List<CompletableFuture<?>> calls = busyAll(pool);
      List<Long> workers = Endings.pids(pool);
      hold(hold, workers);
      workers.forEach(Trouble::kill);
      Endings.soon().until(() -> workers.stream().allMatch(pid -> state(pid) == 'Z'));
      if (noticed) {
        Endings.soon().until(() -> pool.stats().busy() == 0);
      }
      switch (closed) {
        case POOL -> pool.close();
        case RUNTIME -> runtime.close();
      }
      for (CompletableFuture<?> call : calls) {
        assertThat(failure(TerrariumException.class, call))
            .isInstanceOfAny(PoolClosedException.class, WorkerDiedException.class);
      }
    } finally {
      letGo();
      runtime.close();
    }
    assertThat(runtime.closeReport().orElseThrow().left()).isZero();
  }

  /// A call that waits in a thread, one that does not, a batch on the two workers that are left,
  /// and of each one that waits for a worker.
  private List<CompletableFuture<?>> busyAll(Pool pool) {
    List<CompletableFuture<?>> all = new ArrayList<>();
    all.add(inBackground(() -> loop(pool).args(file("a")).call(Object.class)));
    all.add(loop(pool).args(file("b")).callAsync(Object.class));
    awaitFiles("a", "b");
    all.add(inBackground(() -> loop(pool).map(three("c"), this::started, Object.class).toList()));
    awaitFiles("c1", "c2");
    all.add(inBackground(() -> pool.tool("echo").deadline(LONG).call(Object.class)));
    all.add(pool.tool("echo").deadline(LONG).callAsync(Object.class));
    all.add(
        inBackground(
            () -> loop(pool).mapUnordered(three("d"), this::started, Object.class).toList()));
    return all;
  }

  private void awaitFiles(String... names) {
    Stream.of(names).map(files::resolve).forEach(Endings::awaitFile);
  }

  private static ToolCall loop(Pool pool) {
    return pool.tool("loop").deadline(LONG);
  }

  private static Stream<String> three(String name) {
    return Stream.of(name + "1", name + "2", name + "3");
  }

  private Map<String, String> started(String name) {
    return Map.of("started", file(name));
  }

  private String file(String name) {
    return files.resolve(name).toString();
  }

  private void hold(Hold hold, List<Long> workers) {
    switch (hold) {
      case STOPPED_WARDEN -> Endings.stop(Endings.warden(SELF));
      case TRACERS -> workers.forEach(pid -> tracers.add(Tracer.of(pid)));
    }
  }

  private static char state(long pid) {
    return Procs.state(pid).orElse('?');
  }

  /// It cost the warden its life, five seconds later, and so every pool its workers.
  @Test
  void aDeadWorkerThatATracerHoldsIsReplacedAndNobodyElseNoticesIt() {
    try (Terrarium runtime = Endings.runtime(home);
        Pool pool = Endings.pool(runtime).size(1).start();
        Pool other = Endings.pool(runtime).name("other").size(1).start()) {
      Proc warden = Endings.warden(SELF);
      long others = Trouble.pid(other);
      CompletableFuture<@Nullable Object> call = loop(pool).args(file("a")).callAsync(Object.class);
      Endings.awaitFile(files.resolve("a"));
      long worker = Trouble.pid(pool);
      tracers.add(Tracer.of(worker));
      Trouble.kill(worker);
      assertThat(failure(WorkerDiedException.class, call))
          .hasMessageContaining("process %d traces it".formatted(tracers.getFirst().pid()));
      Trouble.awaitWhole(pool);
      assertThat(state(worker)).as("it is still held").isEqualTo('Z');
      assertThat(Endings.warden(SELF).is(warden)).isTrue();
      assertThat(Trouble.pid(other)).isEqualTo(others);
      letGo();
      Endings.soon().until(() -> runtime.listAllWorkers().size() == 4); // the dead one's row goes
    }
  }

  /// As one that is so large that its exit takes seconds.
  @Test
  void aWorkerThatTakesLongToExitCostsNobodyElseAnything() {
    try (LogLines log = LogLines.of("dev.terrarium");
        Terrarium runtime = Endings.runtime(home);
        Pool pool = Endings.pool(runtime).size(2).cancelGrace(Duration.ofMillis(300)).start()) {
      Proc warden = Endings.warden(SELF);
      long worker =
          requireNonNull(pool.tool("pid").call(Long.class)); // who was used last is used next
      tracers.add(Tracer.atExitOf(worker));
      CompletableFuture<@Nullable Object> call =
          pool.tool("hold_gil")
              .args(file("a"))
              .deadline(Duration.ofSeconds(2))
              .callAsync(Object.class);
      Endings.awaitFile(files.resolve("a"));
      await()
          .atMost(Trouble.PATIENCE)
          .until(() -> !log.containing("pid %d, does not end: ".formatted(worker)).isEmpty());
      assertThat(failure(DeadlineExceededException.class, call)).isNotNull();
      assertThat(state(worker)).isEqualTo('t');
      assertThat(Endings.warden(SELF).is(warden)).isTrue();
      assertThat(pool.tool("pid").call(Long.class)).isNotEqualTo(worker);
      letGo();
      Trouble.awaitWhole(pool);
    }
  }
}
