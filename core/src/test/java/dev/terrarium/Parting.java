package dev.terrarium;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// A program that ends in the way that it is told to, with two calls running and two waiting. Its
/// last lines are what became of them.
final class Parting {
  static final List<String> CALLERS = List.of("running-1", "running-2", "waiting-1", "waiting-2");

  private final Terrarium runtime;
  private final Pool pool;
  private final Path files;
  private final Queue<String> outcomes = new ConcurrentLinkedQueue<>();
  private final CountDownLatch answered = new CountDownLatch(CALLERS.size());

  private Parting(Path home, Path files) {
    this.runtime = Endings.runtime(home);
    this.files = files;
    this.pool =
        Endings.pool(runtime)
            .size(2)
            .environment("TROUBLE_NOTE", files.resolve("note").toString())
            .start();
  }

  public static void main(String[] arguments) throws InterruptedException {
    var parting = new Parting(Path.of(arguments[0]), Path.of(arguments[1]));
    Runtime.getRuntime().addShutdownHook(new Thread(parting::tell));
    parting.callAll();
    System.out.println("ready");
    parting.end(arguments[2]);
  }

  private void callAll() {
    for (String caller : CALLERS) {
      call(caller, pool.tool("sleep").args(1000, files.resolve(caller).toString()));
      if (caller.startsWith("running")) {
        Endings.awaitFile(files.resolve(caller));
      }
    }
    Endings.soon().until(() -> pool.stats().waiting() == 2);
  }

  /// One of each two waits for its result, the other gets it as a future.
  private void call(String caller, ToolCall call) {
    if (caller.endsWith("1")) {
      var _ = call.callAsync(Object.class).whenComplete((_, error) -> note(caller, error));
    } else {
      Thread.startVirtualThread(() -> note(caller, failureOf(call)));
    }
  }

  private static @Nullable Throwable failureOf(ToolCall call) {
    try {
      call.call(Object.class);
      return null;
    } catch (TerrariumException e) {
      return e;
    }
  }

  private void note(String caller, @Nullable Throwable error) {
    outcomes.add(caller + " " + (error == null ? "result" : error.getClass().getSimpleName()));
    answered.countDown();
  }

  private void tell() {
    try {
      boolean all = answered.await(20, TimeUnit.SECONDS);
      outcomes.forEach(outcome -> System.out.println("outcome " + outcome));
      System.out.println(all ? "all answered" : "some were never answered");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void end(String how) throws InterruptedException {
    switch (how) {
      case "close" -> {
        runtime.close();
        System.out.println("report " + runtime.closeReport().orElseThrow());
      }
      case "return" -> {}
      case "exit" -> Thread.ofPlatform().start(() -> System.exit(7)).join();
      case "exit in a completion" -> {
        var late = pool.tool("echo").deadline(Duration.ofMillis(50)).callAsync(Object.class);
        var _ = late.whenComplete((_, _) -> System.exit(7));
        Thread.sleep(Long.MAX_VALUE);
      }
      case "signal" -> Thread.sleep(Long.MAX_VALUE);
      default -> throw new IllegalArgumentException(how);
    }
  }
}
