package dev.terrarium;

import static dev.terrarium.Trouble.awaitFile;
import static dev.terrarium.Trouble.failure;
import static dev.terrarium.Trouble.inBackground;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.terrarium.testkit.Jvm;
import dev.terrarium.testkit.Procs;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// `shutdown`: the end of a pool that ends no call, as far as there is time. `close()` was all
/// there was, and our hook called it the moment SIGTERM came, while a web server still had
/// requests.
@Timeout(90)
final class ShutdownTest {
  private static final Duration LONG = Duration.ofMinutes(5);

  @TempDir private Path directory;

  @Test
  void runningCallsAreFinishedAndAllOthersRefused() throws Exception {
    Pool pool = Trouble.pool().start();
    CompletableFuture<@Nullable Object> running = waiting(pool);
    CompletableFuture<@Nullable Object> queued = pool.tool("echo").args(1).callAsync(Object.class);
    CompletableFuture<ShutdownReport> ending = inBackground(() -> pool.shutdown(LONG));
    assertThat(failure(PoolClosedException.class, queued))
        .hasMessageContaining("Pool 'trouble' is shutting down and takes no new calls");
    assertThat(failure(PoolClosedException.class, () -> pool.tool("pid").call(Long.class)))
        .hasMessageContaining("is shutting down");
    assertThat(running).isNotDone();
    assertThat(ending).isNotDone();
    go();
    running.get(30, TimeUnit.SECONDS);
    ShutdownReport report = ending.get(30, TimeUnit.SECONDS);
    assertThat(report).isEqualTo(new ShutdownReport(1, 1, 0, report.took()));
    assertThat(failure(PoolClosedException.class, () -> pool.tool("pid").call(Long.class)))
        .hasMessageContaining("is closed");
    assertThat(pool.shutdown(LONG).finished()).isZero();
  }

  @Test
  void callsThatWaitAreFinishedAsWellWhereThatIsAskedFor() throws Exception {
    Pool pool = Trouble.pool().start();
    CompletableFuture<@Nullable Object> running = waiting(pool);
    List<CompletableFuture<Integer>> queued =
        Stream.of(1, 2, 3).map(it -> pool.tool("echo").args(it).callAsync(Integer.class)).toList();
    CompletableFuture<ShutdownReport> ending = inBackground(() -> pool.shutdown(LONG, Drain.ALL));
    Endings.soon().until(() -> refuses(pool));
    go();
    running.get(30, TimeUnit.SECONDS);
    assertThat(queued).map(it -> it.get(30, TimeUnit.SECONDS)).containsExactly(1, 2, 3);
    ShutdownReport report = ending.get(30, TimeUnit.SECONDS);
    assertThat(report).isEqualTo(new ShutdownReport(4, 0, 0, report.took()));
  }

  @Test
  void aWorkerThatDiesMeanwhileIsReplacedForThoseWhoWait() throws Exception {
    Pool pool = Trouble.pool().start();
    CompletableFuture<@Nullable Object> running = waiting(pool);
    CompletableFuture<@Nullable Integer> queued =
        pool.tool("echo").args(7).callAsync(Integer.class);
    CompletableFuture<ShutdownReport> ending = inBackground(() -> pool.shutdown(LONG, Drain.ALL));
    Endings.soon().until(() -> refuses(pool));
    Trouble.kill(Trouble.pid(pool));
    failure(WorkerDiedException.class, running);
    assertThat(queued.get(30, TimeUnit.SECONDS)).isEqualTo(7);
    ShutdownReport report = ending.get(30, TimeUnit.SECONDS);
    assertThat(report).isEqualTo(new ShutdownReport(1, 0, 0, report.took()));
  }

  @Test
  void whatIsNotOverInTimeIsCutOff() {
    Pool pool = Trouble.pool().start();
    CompletableFuture<@Nullable Object> running = waiting(pool);
    CompletableFuture<@Nullable Object> queued = pool.tool("echo").args(1).callAsync(Object.class);
    ShutdownReport report = pool.shutdown(Duration.ofMillis(100), Drain.ALL);
    failure(PoolClosedException.class, running);
    failure(PoolClosedException.class, queued);
    assertThat(report).isEqualTo(new ShutdownReport(0, 0, 2, report.took()));
  }

  @Test
  void anInterruptEndsTheWaitAndThePool() throws Exception {
    Pool pool = Trouble.pool().start();
    CompletableFuture<@Nullable Object> running = waiting(pool);
    CompletableFuture<Thread> thread = new CompletableFuture<>();
    CompletableFuture<Boolean> ending =
        inBackground(
            () -> {
              thread.complete(Thread.currentThread());
              pool.shutdown(LONG);
              return Thread.currentThread().isInterrupted();
            });
    Endings.soon().until(() -> refuses(pool));
    thread.get(30, TimeUnit.SECONDS).interrupt();
    assertThat(ending.get(30, TimeUnit.SECONDS)).as("the flag is kept").isTrue();
    failure(PoolClosedException.class, running);
  }

  @Test
  void aRuntimeShutsDownAllItsPools() throws Exception {
    Terrarium runtime = Endings.runtime(directory.resolve("home"));
    Pool one = Trouble.pool().runtime(runtime).name("one").start();
    Pool two = Trouble.pool().runtime(runtime).name("two").start();
    CompletableFuture<@Nullable Object> running = waiting(one);
    CompletableFuture<@Nullable Object> queued = one.tool("echo").args(1).callAsync(Object.class);
    CompletableFuture<ShutdownReport> ending = inBackground(() -> runtime.shutdown(LONG));
    failure(PoolClosedException.class, queued);
    Endings.soon().until(() -> refuses(two));
    failure(PoolClosedException.class, Trouble.pool().runtime(runtime).name("late")::start);
    go();
    running.get(30, TimeUnit.SECONDS);
    ShutdownReport report = ending.get(30, TimeUnit.SECONDS);
    assertThat(report.refused()).isEqualTo(1);
    assertThat(report.cutOff()).isZero();
    assertThat(runtime.closeReport()).contains(new Terrarium.CloseReport(0, 0));
  }

  @Test
  void aBatchGetsWhatWorkersHaveOfItAndThenIsRefused() throws Exception {
    Pool pool = Trouble.pool().start();
    List<Object> results = new CopyOnWriteArrayList<>();
    Path started = directory.resolve("started");
    CompletableFuture<Throwable> batch =
        inBackground(
            () ->
                catchThrowable(
                    () -> {
                      try (Stream<@Nullable Object> all =
                          pool.tool("wait")
                              .map(
                                  Stream.of("first", "second", "third"),
                                  _ -> Map.of("go", goFile(), "started", started.toString()),
                                  Object.class)) {
                        all.forEach(_ -> results.add("done"));
                      }
                    }));
    awaitFile(started);
    CompletableFuture<ShutdownReport> ending = inBackground(() -> pool.shutdown(LONG));
    Endings.soon().until(() -> refuses(pool));
    go();
    assertThat(batch.get(30, TimeUnit.SECONDS)).isInstanceOf(PoolClosedException.class);
    assertThat(results).containsExactly("done");
    assertThat(ending.get(30, TimeUnit.SECONDS).finished()).isEqualTo(1);
  }

  /// A program with a lifecycle of its own: a hook beside ours, which ends it in good order.
  static final class Program {
    public static void main(String[] arguments) throws InterruptedException {
      ExitHook hook =
          switch (arguments[1]) {
            case "after" -> ExitHook.after(LONG);
            case "none" -> ExitHook.none();
            default -> ExitHook.atOnce();
          };
      Path home = Path.of(arguments[0]);
      Terrarium runtime = Terrarium.start(Config.defaults().withHome(home).withExitHook(hook));
      Pool pool = Trouble.pool().runtime(runtime).start();
      if (arguments[2].equals("with")) {
        Runtime.getRuntime()
            .addShutdownHook(
                new Thread(
                    () -> {
                      System.out.println("the program ends");
                      ShutdownReport report = runtime.shutdown(LONG);
                      System.out.println("finished " + report.finished());
                    }));
      }
      Thread.ofPlatform().daemon().start(() -> call(pool, home));
      Thread.sleep(Long.MAX_VALUE);
    }

    private static void call(Pool pool, Path home) {
      try {
        pool.tool("wait")
            .args(home.resolve("go").toString(), home.resolve("started").toString())
            .call(Object.class);
        System.out.println("outcome: done");
      } catch (TerrariumException e) {
        System.out.println("outcome: " + e.getClass().getSimpleName());
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"after, with", "none, with"})
  void onSigtermAProgramsOwnLifecycleFinishesItsCalls(String hook, String own) throws IOException {
    try (Jvm jvm = Jvm.start(Program.class, directory.toString(), hook, own)) {
      awaitFile(directory.resolve("started"));
      jvm.terminate();
      jvm.awaitLine("the program ends");
      Files.createFile(directory.resolve("go"));
      jvm.awaitLine("outcome: done");
      jvm.awaitLine("finished "); // 0 where the call was over first
      assertThat(jvm.awaitExit()).isEqualTo(128 + 15);
    }
  }

  @Test
  void onSigtermTheHookEndsCallsAtOnceWhereItIsNotToldToWait() {
    try (Jvm jvm = Jvm.start(Program.class, directory.toString(), "at once", "without")) {
      awaitFile(directory.resolve("started"));
      jvm.terminate();
      jvm.awaitLine("outcome: PoolClosedException");
      assertThat(jvm.awaitExit()).isEqualTo(128 + 15);
    }
  }

  @Test
  void withoutAHookTheWardenEndsAllThatIsLeft() {
    try (Jvm jvm = Jvm.start(Program.class, directory.toString(), "none", "without")) {
      awaitFile(directory.resolve("started"));
      long birthmark = Endings.birthmark(Endings.warden(jvm.pid()));
      jvm.terminate();
      assertThat(jvm.awaitExit()).isEqualTo(128 + 15);
      Endings.soon().until(() -> Procs.marked(birthmark).isEmpty());
    }
  }

  /// A call that runs until [#go()].
  private CompletableFuture<@Nullable Object> waiting(Pool pool) {
    Path started = directory.resolve("started");
    CompletableFuture<@Nullable Object> call =
        pool.tool("wait").args(goFile(), started.toString()).callAsync(Object.class);
    awaitFile(started);
    return call;
  }

  private String goFile() {
    return directory.resolve("go").toString();
  }

  private void go() throws IOException {
    Files.createFile(Path.of(goFile()));
  }

  private static boolean refuses(Pool pool) {
    Throwable error =
        catchThrowable(
            () -> pool.tool("echo").args(0).deadline(Duration.ofMillis(1)).call(Object.class));
    return error instanceof PoolClosedException;
  }
}
