package dev.terrarium;

import static dev.terrarium.Trouble.awaitFile;
import static dev.terrarium.Trouble.awaitWhole;
import static dev.terrarium.Trouble.failure;
import static dev.terrarium.Trouble.pid;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// A caller gives up: his thread is interrupted, or his future cancelled.
@Timeout(90)
final class InterruptTest {
  private static final Duration NEVER = Duration.ofSeconds(60);

  @TempDir private Path directory;

  enum Kind {
    PLATFORM {
      @Override
      Thread start(Runnable task) {
        return Thread.ofPlatform().daemon().name("test-caller").start(task);
      }
    },
    VIRTUAL {
      @Override
      Thread start(Runnable task) {
        return Thread.ofVirtual().name("test-caller").start(task);
      }
    };

    abstract Thread start(Runnable task);
  }

  /// A thread that calls, and what it met.
  private record Caller(Thread thread, CompletableFuture<Boolean> flag) {
    static Caller start(Kind kind, ToolCall call) {
      var flag = new CompletableFuture<Boolean>();
      return new Caller(kind.start(() -> run(call, flag)), flag);
    }

    private static void run(ToolCall call, CompletableFuture<Boolean> flag) {
      try {
        Object result = call.call(Object.class);
        flag.completeExceptionally(new AssertionError("a result came: " + result));
      } catch (CallCancelledException e) {
        flag.complete(Thread.currentThread().isInterrupted());
      } catch (RuntimeException e) {
        flag.completeExceptionally(e);
      }
    }

    void interruptedIsCancelledWithItsFlagSet() {
      thread.interrupt();
      assertThat(flag.join()).isTrue();
    }
  }

  @ParameterizedTest
  @EnumSource
  void anInterruptCancelsTheCallAndNothingElse(Kind kind) {
    Path note = directory.resolve("note");
    try (Pool pool = notingPool(note)) {
      long worker = pid(pool);
      Path started = directory.resolve("started");
      Caller caller = Caller.start(kind, pool.tool("sleep").args(1000, started));
      awaitFile(started);
      caller.interruptedIsCancelledWithItsFlagSet();
      awaitWhole(pool);
      assertThat(Trouble.text(note)).isEqualTo("finally\n");
      assertThat(pid(pool)).isEqualTo(worker);
      assertThat(pool.stats().restarts()).isZero();
    }
  }

  @ParameterizedTest
  @EnumSource
  void aThreadThatIsInterruptedAlreadyDoesNotWait(Kind kind) throws InterruptedException {
    try (Pool pool = Trouble.pool().cancelGrace(NEVER).start()) {
      long worker = pid(pool);
      var flag = new CompletableFuture<Boolean>();
      kind.start(
              () -> {
                Thread.currentThread().interrupt();
                Caller.run(pool.tool("sleep").args(1000), flag);
              })
          .join();
      assertThat(flag.join()).isTrue();
      awaitWhole(pool);
      assertThat(pid(pool)).isEqualTo(worker);
    }
  }

  @ParameterizedTest
  @EnumSource
  void anInterruptInTheQueueLeavesTheQueue(Kind kind) {
    try (Pool pool = Trouble.pool().start()) {
      Path go = directory.resolve("go");
      var occupant = pool.tool("wait").args(go).callAsync(String.class);
      Caller caller = Caller.start(kind, pool.tool("sleep").args(1000));
      await().until(() -> pool.stats().waiting() == 1);
      caller.interruptedIsCancelledWithItsFlagSet();
      assertThat(pool.stats().waiting()).isZero();
      assertThat(occupant).isNotDone();
      Trouble.write(go, "");
      assertThat(occupant.join()).isEqualTo("waited");
      awaitWhole(pool);
    }
  }

  @Test
  void aCancelledFutureReachesPython() {
    Path note = directory.resolve("note");
    try (Pool pool = notingPool(note)) {
      long worker = pid(pool);
      for (String tool : new String[] {"sleep", "nap"}) {
        Path started = directory.resolve(tool);
        var future = pool.tool(tool).args(1000, started).callAsync(Object.class);
        awaitFile(started);
        assertThat(future.cancel(true)).isTrue();
        failure(CancellationException.class, future::join);
        awaitWhole(pool);
      }
      assertThat(Trouble.text(note)).isEqualTo("finally\nfinally\n");
      assertThat(pid(pool)).isEqualTo(worker);
    }
  }

  @Test
  void aToolThatSwallowsTheCancelIsReplaced() {
    try (Pool pool = Trouble.pool().cancelGrace(Duration.ofMillis(100)).start()) {
      Path started = directory.resolve("started");
      var future = pool.tool("swallow").args(started).callAsync(Object.class);
      awaitFile(started);
      future.cancel(true);
      await().atMost(Trouble.PATIENCE).until(() -> pool.stats().restarts() == 1);
      awaitWhole(pool);
    }
  }

  private static Pool notingPool(Path note) {
    return Trouble.pool().environment("TROUBLE_NOTE", note.toString()).cancelGrace(NEVER).start();
  }
}
