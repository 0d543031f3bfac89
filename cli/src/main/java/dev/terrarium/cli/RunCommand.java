package dev.terrarium.cli;

import dev.terrarium.Pool;
import dev.terrarium.Terrarium;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// Keeps a pool up until a signal.
@Command(
    name = "run",
    description = "Keep a pool of workers up until Ctrl-C or SIGTERM.",
    footer = {
      "",
      "With --json the first line is the object \"ready\", with the pid of each worker, and "
          + "the last is \"closed\": how many processes had to be ended by force, how many are "
          + "left.",
      "",
      "Exit status: 130 after Ctrl-C, 143 after SIGTERM; before that 1 where the adapter "
          + "does not start, 2 wrong usage, 3 this machine is not fit."
    })
final class RunCommand implements Callable<Integer> {
  private final Terminal terminal;
  private final JsonOption json;

  @Mixin private final WorkerOptions options = new WorkerOptions();

  @Parameters(index = "0", paramLabel = "ADAPTER", description = "A Python file or package.")
  private Path adapter = Path.of("");

  @Option(
      names = "--workers",
      paramLabel = "N",
      description = "How many. Default: the number of processors.")
  private int workers = Runtime.getRuntime().availableProcessors();

  RunCommand(Terminal terminal, JsonOption json) {
    this.terminal = terminal;
    this.json = json;
  }

  @Override
  public Integer call() throws InterruptedException {
    Path file = WorkerOptions.adapter(adapter);
    int size = WorkerOptions.size(workers);
    long begin = System.nanoTime();
    try (Terrarium runtime = options.start()) {
      Pool pool = options.pool(runtime, file, size).start();
      announce(pool, (System.nanoTime() - begin) / 1_000_000);
      awaitSignal();
    }
    return ExitStatus.DONE;
  }

  private void announce(Pool pool, long millis) {
    Announcement announcement = Announcement.of(pool, millis);
    // First the hook, then the line: whoever reads the line may send the signal at once.
    Runtime.getRuntime().addShutdownHook(new Thread(() -> close(pool.runtime()), "terrarium-run"));
    terminal.print(json.wanted() ? announcement.json() : announcement.text());
  }

  // Runs beside the runtime's own clean-up; whoever comes second waits for the first.
  private void close(Terrarium runtime) {
    runtime.close();
    Terrarium.CloseReport report = runtime.closeReport().orElseThrow();
    terminal.print(
        json.wanted()
            ? Json.write(
                Json.object("event", "closed", "killed", report.killed(), "left", report.left()))
            : "closed: %d had to be ended by force, %d left"
                .formatted(report.killed(), report.left()));
  }

  private static void awaitSignal() throws InterruptedException {
    new CountDownLatch(1).await();
  }
}
