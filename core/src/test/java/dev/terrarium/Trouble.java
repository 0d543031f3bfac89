package dev.terrarium;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import dev.terrarium.process.Birthmark;
import dev.terrarium.process.ProcessIdentity;
import dev.terrarium.process.ProcessKiller;
import dev.terrarium.process.Signal;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Collectors;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;

/// Pools of the adapter that behaves as badly as user code can, and what their tests need.
final class Trouble {
  /// How long something may take that is not measured, on a machine that others use as well.
  static final Duration PATIENCE = Duration.ofSeconds(30);

  private Trouble() {}

  /// One worker of `adapters/trouble.py`.
  static PoolBuilder pool() {
    return Pool.builder().adapter(adapter()).size(1);
  }

  static Path adapter() {
    try {
      return Path.of(requireNonNull(Trouble.class.getResource("/adapters/trouble.py")).toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  /// One worker of an adapter that is written here.
  static PoolBuilder pool(Path directory, String source) {
    return Pool.builder().adapter(write(directory.resolve("adapter.py"), source)).size(1);
  }

  static Path write(Path file, String text) {
    try {
      return Files.writeString(file, text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static List<Long> pids(Pool pool) {
    return pool.stats().workers().stream().map(PoolStats.WorkerInfo::pid).toList();
  }

  /// The pid of the only worker.
  static long pid(Pool pool) {
    List<Long> pids = pids(pool);
    assertThat(pids).hasSize(1);
    return pids.getFirst();
  }

  /// SIGKILL, to nobody but a living worker of this run.
  static void kill(long pid) {
    ProcessIdentity worker = ProcessIdentity.of(pid).orElseThrow();
    Birthmark mark = new Birthmark(Birthmark.of(pid).orElseThrow().run());
    var killer = new ProcessKiller(_ -> {});
    assertThat(killer.signal(worker, mark, Signal.KILL, "a test"))
        .isEqualTo(new ProcessKiller.Result.Sent(Signal.KILL));
  }

  /// Waits until all workers are there and none has a call.
  static void awaitWhole(Pool pool) {
    await()
        .atMost(PATIENCE)
        .pollInterval(Duration.ofMillis(5))
        .until(() -> pool.stats().idle() == pool.config().size());
    assertThat(pool.call("echo", java.util.Map.of("value", "whole"), String.class))
        .isEqualTo("whole");
  }

  /// Waits for a file that a tool makes.
  static void awaitFile(Path file) {
    await().atMost(PATIENCE).pollInterval(Duration.ofMillis(2)).until(() -> Files.exists(file));
  }

  static String text(Path file) {
    try {
      return Files.exists(file) ? Files.readString(file) : "";
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// Runs something on a thread of its own; the future has what it returned or threw.
  static <T> CompletableFuture<T> inBackground(Callable<T> task) {
    var result = new CompletableFuture<T>();
    Thread.ofPlatform().daemon().name("test-caller").start(() -> complete(result, task));
    return result;
  }

  private static <T> void complete(CompletableFuture<T> result, Callable<T> task) {
    try {
      result.complete(task.call());
    } catch (Throwable e) {
      result.completeExceptionally(e);
    }
  }

  /// The error of a call, and nothing else.
  static <E extends Throwable> E failure(Class<E> type, ThrowingCallable call) {
    E error = catchThrowableOfType(type, call);
    return requireNonNull(error, "no error came");
  }

  /// The error that a future fails with.
  static <E extends Throwable> E failure(Class<E> type, CompletableFuture<?> future) {
    return failure(
        type,
        () -> {
          try {
            future.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
          } catch (ExecutionException e) {
            throw requireNonNull(e.getCause());
          } catch (TimeoutException e) {
            throw new AssertionError("still running", e);
          }
        });
  }

  /// The names of the lines of a note file, with how often each is there.
  static java.util.Map<String, Long> notes(Path file) {
    return text(file).lines().collect(Collectors.groupingBy(it -> it, Collectors.counting()));
  }
}
