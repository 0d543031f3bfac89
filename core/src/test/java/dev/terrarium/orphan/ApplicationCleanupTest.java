package dev.terrarium.orphan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.terrarium.orphan.ApplicationCleanup.Registration;
import dev.terrarium.testkit.Jvm;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

final class ApplicationCleanupTest {
  private final TestHooks hooks = new TestHooks();
  private final List<String> closed = new CopyOnWriteArrayList<>();
  private final ApplicationCleanup cleanup = new ApplicationCleanup(hooks, Duration.ofSeconds(10));

  /// Ends in the way that it is told to, with two things open.
  static final class Program {
    public static void main(String[] arguments) throws InterruptedException {
      ApplicationCleanup cleanup = ApplicationCleanup.ofJvm();
      cleanup.register("first", () -> System.out.println("closed first"));
      cleanup.register("second", () -> System.out.println("closed second"));
      try (var _ = cleanup.register("third", () -> System.out.println("closed third"))) {
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
    cleanup.register("a", () -> closed.add("a"));
    cleanup.register("b", () -> closed.add("b"));
    hooks.runAll();
    assertThat(closed).containsExactly("b", "a");
  }

  @Test
  void hasAHookOnlyWhileSomebodyIsRegistered() {
    Registration first = cleanup.register("a", () -> closed.add("a"));
    Registration second = cleanup.register("b", () -> closed.add("b"));
    assertThat(hooks.added).hasSize(1);
    first.close();
    first.close();
    assertThat(hooks.added).hasSize(1);
    second.close();
    assertThat(hooks.added).isEmpty();
    cleanup.register("c", () -> closed.add("c")).close();
    assertThat(hooks.added).isEmpty();
    assertThat(closed).isEmpty();
  }

  @Test
  void takesNobodyAnyMoreOnceTheJvmEnds() throws InterruptedException {
    cleanup.register("a", () -> closed.add("a"));
    hooks.runAll();
    assertThatThrownBy(() -> cleanup.register("late", () -> closed.add("late")))
        .isInstanceOf(IllegalStateException.class);
    assertThat(closed).containsExactly("a");
  }

  @Test
  void goesOnAfterAFailure() throws InterruptedException {
    cleanup.register("a", () -> closed.add("a"));
    cleanup.register(
        "b",
        () -> {
          throw new Exception("expected");
        });
    hooks.runAll();
    assertThat(closed).containsExactly("a");
  }

  @Test
  void givesEachItsShareOfTheTime() throws InterruptedException {
    var never = new CountDownLatch(1);
    var impatient = new ApplicationCleanup(hooks, Duration.ofMillis(200));
    impatient.register("a", () -> closed.add("a"));
    impatient.register("hangs", never::await);
    hooks.runAll();
    assertThat(closed).containsExactly("a");
    never.countDown();
  }

  @Test
  void letsACloserDeregisterItself() throws InterruptedException {
    var own = new ArrayList<Registration>();
    own.add(cleanup.register("a", () -> own.getFirst().close()));
    hooks.ending = true;
    assertThatCode(hooks::runAll).doesNotThrowAnyException();
    assertThat(closed).isEmpty();
  }

  @Test
  void takesNobodyOnWhileTheJvmEnds() {
    hooks.ending = true;
    assertThatThrownBy(() -> cleanup.register("a", () -> closed.add("a")))
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

  private static final class TestHooks implements ApplicationCleanup.Hooks {
    private final List<Thread> added = new ArrayList<>();
    private boolean ending;

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
