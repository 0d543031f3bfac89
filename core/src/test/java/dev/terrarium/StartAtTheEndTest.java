package dev.terrarium;

import static dev.terrarium.Trouble.awaitFile;
import static dev.terrarium.Trouble.failure;
import static dev.terrarium.Trouble.inBackground;
import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.StartFailedException.Reason;
import dev.terrarium.testkit.Jvm;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Pools that are started while the JVM ends, and while another start takes its time.
///
/// A pool in a shutdown hook once hung the JVM for ever: the shared runtime was started, could not
/// be registered for the end any more, and was closed under the very lock that its closing thread
/// needed. While one start held that lock nobody else could close, start, or look up a pool.
@Timeout(90)
final class StartAtTheEndTest {
  @TempDir private Path directory;

  /// Starts what it is told to in hooks, and says what came of it.
  static final class Late {
    public static void main(String[] arguments) {
      Config config = Config.defaults().withHome(Path.of(arguments[1]));
      switch (arguments[0]) {
        case "shared" -> inAHook(() -> Trouble.pool().start());
        case "another beside a shared one" -> {
          Pool first = Trouble.pool().name("first").start();
          inAHook(() -> Trouble.pool().runtime(first.runtime()).name("late").start());
          inAHook(() -> Trouble.pool().name("later").start());
        }
        case "two hooks" -> {
          inAHook(() -> Trouble.pool().name("a").start());
          inAHook(() -> Trouble.pool().name("b").start());
        }
        case "runtime" -> inAHook(() -> Terrarium.start(config));
        case "pool of a runtime" -> {
          Terrarium runtime = Terrarium.start(config);
          inAHook(() -> Trouble.pool().runtime(runtime).start());
        }
        default -> throw new IllegalArgumentException(arguments[0]);
      }
      System.out.println("main ends");
    }

    private static void inAHook(Runnable start) {
      Runtime.getRuntime().addShutdownHook(new Thread(() -> say(start)));
    }

    private static void say(Runnable start) {
      long begin = System.nanoTime();
      try {
        start.run();
        System.out.println("started");
      } catch (StartFailedException e) {
        long millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begin);
        System.out.println(e.reason() + " after " + millis + " ms: " + e.getMessage());
      }
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "shared",
        "another beside a shared one",
        "two hooks",
        "runtime",
        "pool of a runtime"
      })
  void nothingIsStartedInAHookAndTheJvmEnds(String what) {
    Path home = directory.resolve("home");
    Map<String, String> environment = Map.of("TERRARIUM_HOME", home.toString());
    try (Jvm jvm = Jvm.start(Late.class, environment, java.util.List.of(), what, home.toString())) {
      assertThat(jvm.awaitExit()).isZero();
      int hooks = what.equals("two hooks") || what.startsWith("another") ? 2 : 1;
      Endings.soon()
          .untilAsserted(
              () ->
                  assertThat(jvm.lines())
                      .filteredOn(line -> line.startsWith("CANCELLED"))
                      .hasSize(hooks)
                      .allMatch(line -> line.contains("The JVM is shutting down")));
      assertThat(jvm.lines()).doesNotContain("started");
    }
    if (!what.contains("of a") && !what.startsWith("another")) {
      assertThat(home).as("before anything is made").doesNotExist();
    }
  }

  @Test
  void whileOneStartTakesItsTimeOthersStartCloseAndAreFound() throws Exception {
    Path asked = directory.resolve("asked");
    Path go = directory.resolve("go");
    PoolBuilder slow = Trouble.pool().name("slow").python(slowLauncher(asked, go));
    try (Terrarium mine = Terrarium.start(Config.defaults().withHome(directory.resolve("mine")));
        Terrarium other = Terrarium.start(Config.defaults().withHome(directory.resolve("other")))) {
      Pool pool = Trouble.pool().runtime(mine).start();
      CompletableFuture<Pool> starting = inBackground(slow::start); // of the shared runtime
      try {
        awaitFile(asked);
        CompletableFuture<Terrarium.CloseReport> closed =
            inBackground(
                () -> {
                  assertThat(mine.pool("trouble")).isSameAs(pool);
                  pool.close();
                  Pool another = Trouble.pool().runtime(mine).name("another").start();
                  another.close();
                  Endings.close(other);
                  return Endings.close(mine);
                });
        assertThat(closed.get(30, TimeUnit.SECONDS).left()).isZero();
        assertThat(starting).isNotDone();
      } finally {
        Files.createFile(go);
        starting.get(60, TimeUnit.SECONDS).close();
      }
    }
  }

  @Test
  void whoWaitsForAnothersStartThatFailsStartsHisOwn() throws Exception {
    Path asked = directory.resolve("asked");
    Path go = directory.resolve("go");
    String broken = script("broken", "touch " + asked + "; while [ ! -e " + go + " ]; do :; done");
    CompletableFuture<Pool> first =
        inBackground(Trouble.pool().name("first").python(broken)::start);
    awaitFile(asked);
    CompletableFuture<Pool> second = inBackground(Trouble.pool().name("second")::start);
    Files.createFile(go);
    assertThat(failure(StartFailedException.class, first).reason())
        .isEqualTo(Reason.INTERPRETER_UNUSABLE);
    try (Pool pool = second.get(60, TimeUnit.SECONDS)) {
      assertThat(pool.tool("echo").args(1).call(Integer.class)).isEqualTo(1);
    }
  }

  private String slowLauncher(Path asked, Path go) {
    return script(
        "slow",
        "touch %s; while [ ! -e %s ]; do sleep 0.02; done; exec python3 \"$@\""
            .formatted(asked, go));
  }

  private String script(String name, String command) {
    try {
      Path file = Trouble.write(directory.resolve(name), "#!/bin/sh\n" + command + "\n");
      Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwx------"));
      return file.toString();
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }
}
