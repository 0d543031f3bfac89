package dev.terrarium.examples;

import dev.terrarium.Config;
import dev.terrarium.Drain;
import dev.terrarium.ExitHook;
import dev.terrarium.Pool;
import dev.terrarium.ShutdownReport;
import dev.terrarium.Terrarium;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/// A program that finishes the calls that it has before it ends, on SIGTERM too: it ends its
/// runtime itself, and the runtime's hook waits for that.
public final class GracefulEnd {
  private static final Duration FOR_CALLS = Duration.ofSeconds(20);

  private GracefulEnd() {}

  public static void main(String[] args) throws IOException {
    Path home = args.length > 0 ? Path.of(args[0]) : Files.createTempDirectory("terrarium-home-");
    Config config =
        Config.defaults()
            .withHome(home)
            .withExitHook(ExitHook.after(FOR_CALLS.plus(Duration.ofSeconds(5))));
    Terrarium terrarium = Terrarium.start(config);
    Thread atExit = new Thread(() -> terrarium.shutdown(FOR_CALLS, Drain.ALL));
    Runtime.getRuntime().addShutdownHook(atExit);

    Pool pool =
        Pool.builder().runtime(terrarium).adapter(Adapters.path("textstats.py")).size(1).start();
    CompletableFuture<FirstCall.Frequencies> call =
        pool.tool("word_frequencies")
            .args(Map.of("text", "to be or not to be"))
            .callAsync(FirstCall.Frequencies.class);

    // What the hook does when the JVM ends; here the program has nothing more to do.
    ShutdownReport report = terrarium.shutdown(FOR_CALLS, Drain.ALL);
    System.out.printf("answered: %s%n", call.join().words());
    System.out.printf("refused: %d, cut off: %d%n", report.refused(), report.cutOff());
    Runtime.getRuntime().removeShutdownHook(atExit);
  }
}
