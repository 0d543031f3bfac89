package dev.terrarium.orphan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.terrarium.ExitHook;
import dev.terrarium.orphan.ShutdownHook.Registration;
import dev.terrarium.testkit.Jvm;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

final class ShutdownHookTest {
  private static final ExitHook AT_ONCE = ExitHook.atOnce();

  private final TestHooks hooks = new TestHooks();
  private final List<String> closed = new CopyOnWriteArrayList<>();
  private final ShutdownHook cleanup = new ShutdownHook(hooks);

  /// Ends in the way that it is told to, with two things open.
  static final class Program {
    public static void main(String[] arguments) throws InterruptedException {
      ShutdownHook cleanup = ShutdownHook.ofJvm();
      cleanup.register("first", AT_ONCE, () -> System.out.println("closed first"));
      cleanup.register("second", AT_ONCE, () -> System.out.println("closed second"));
      try (var _ = cleanup.register("third", AT_ONCE, () -> System.out.println("closed third"))) {
        System.out.println("ready");
      }
      if (arguments[0].equals("exit")) {
        System.exit(0);
      }
      Thread.sleep(Long.MAX_VALUE);
    }
  }

  @Test
  void closesInReverseOrder() throws InterruptedException {
    cleanup.register("a", AT_ONCE, () -> closed.add("a"));
    cleanup.register("b", AT_ONCE, () -> closed.add("b"));
    hooks.runAll();
    assertThat(closed).containsExactly("b", "a");
  }

  @Test
  void hasAHookOnlyWhileSomebodyIsRegistered() {
    Registration first = cleanup.register("a", AT_ONCE, () -> closed.add("a"));
    Registration second = cleanup.register("b", AT_ONCE, () -> closed.add("b"));
    assertThat(hooks.added).hasSize(1);
    first.close();
    first.close();
    assertThat(hooks.added).hasSize(1);
    second.close();
    assertThat(hooks.added).isEmpty();
    cleanup.register("c", AT_ONCE, () -> closed.add("c")).close();
    assertThat(hooks.added).isEmpty();
    assertThat(closed).isEmpty();
  }

  @Test
  void takesNobodyAnyMoreOnceTheJvmEnds() throws InterruptedException {
    cleanup.register("a", AT_ONCE, () -> closed.add("a"));
    hooks.runAll();
    assertThatThrownBy(() -> cleanup.register("late", AT_ONCE, () -> closed.add("late")))
        .isInstanceOf(IllegalStateException.class);
    assertThat(closed).containsExactly("a");
  }

  @Test
  void goesOnAfterAFailure() throws InterruptedException {
    cleanup.register("a", AT_ONCE, () -> closed.add("a"));
    cleanup.register(
        "b",
        AT_ONCE,
        () -> {
          throw new Exception("expected");
        });
    hooks.runAll();
    assertThat(closed).containsExactly("a");
  }

  @Test
  void givesEachItsShareOfTheTime() throws InterruptedException {
    var never = new CountDownLatch(1);
    ExitHook impatient = AT_ONCE.withTimeout(Duration.ofMillis(200));
    cleanup.register("a", impatient, () -> closed.add("a"));
    cleanup.register("hangs", impatient, never::await);
    hooks.runAll();
    assertThat(closed).containsExactly("a");
    never.countDown();
  }

  /// A framework's hook runs beside ours, and its requests still need what ours would close.
  @Test
  void leavesTheEndToTheProgramForAsLongAsItWasTold() throws InterruptedException {
    ExitHook patient = ExitHook.after(Duration.ofMinutes(5));
    Registration left = cleanup.register("left alone", patient, () -> closed.add("left alone"));
    cleanup.register(
        "the program",
        AT_ONCE,
        () -> {
          closed.add("the program");
          left.close(); // it has closed what was left to it
        });
    hooks.runAll();
    assertThat(closed).containsExactly("the program");
  }

  @Test
  void closesWhatTheProgramHasNotClosedInItsTime() throws InterruptedException {
    cleanup.register("left alone", ExitHook.after(Duration.ofMillis(1)), () -> closed.add("a"));
    hooks.runAll();
    assertThat(closed).containsExactly("a");
  }

  /// The whole hook failed, and nothing was closed, because what was left to the program for a
  /// while had no thread to wait in.
  @Test
  void closesAllWhereNoThreadCanBeMadeAnyMore() throws InterruptedException {
    hooks.threadsAreGone = true;
    cleanup.register("at once", AT_ONCE, () -> closed.add("at once"));
    cleanup.register("left alone", ExitHook.after(Duration.ofMillis(1)), () -> closed.add("later"));
    hooks.runAll();
    assertThat(closed).containsExactly("at once", "later");
  }

  @Test
  void letsACloserDeregisterItself() throws InterruptedException {
    var own = new ArrayList<Registration>();
    own.add(cleanup.register("a", AT_ONCE, () -> own.getFirst().close()));
    hooks.ending = true;
    assertThatCode(hooks::runAll).doesNotThrowAnyException();
    assertThat(closed).isEmpty();
  }

  @Test
  void takesNobodyOnWhileTheJvmEnds() {
    hooks.ending = true;
    assertThatThrownBy(() -> cleanup.register("a", AT_ONCE, () -> closed.add("a")))
        .isInstanceOf(IllegalStateException.class);
  }

  @Test
  void closesOnExitAndOnSigterm() {
    try (Jvm jvm = Jvm.start(Program.class, "exit")) {
      assertThat(jvm.awaitExit()).isZero();
      assertClosedInReverse(jvm);
    }
    try (Jvm jvm = Jvm.start(Program.class, "wait")) {
      jvm.awaitLine("ready");
      jvm.terminate();
      assertThat(jvm.awaitExit()).isEqualTo(128 + 15);
      assertClosedInReverse(jvm);
    }
  }

  private static void assertClosedInReverse(Jvm jvm) {
    jvm.awaitLine("closed first");
    assertThat(jvm.lines())
        .filteredOn(line -> line.startsWith("closed"))
        .containsExactly("closed second", "closed first");
  }

  private static final class TestHooks implements ShutdownHook.Hooks {
    private final List<Thread> added = new ArrayList<>();
    private boolean ending;
    private boolean threadsAreGone;

    @Override
    public Thread thread(String name, Runnable task) {
      if (threadsAreGone) {
        throw new OutOfMemoryError("unable to create native thread");
      }
      return ShutdownHook.Hooks.super.thread(name, task);
    }

    @Override
    public void add(Thread hook) {
      requireNotEnding();
      added.add(hook);
    }

    @Override
    public void remove(Thread hook) {
      requireNotEnding();
      added.remove(hook);
    }

    private void requireNotEnding() {
      if (ending) {
        throw new IllegalStateException("Shutdown in progress");
      }
    }

    void runAll() throws InterruptedException {
      for (Thread hook : added) {
        hook.start();
        hook.join();
      }
    }
  }
}
