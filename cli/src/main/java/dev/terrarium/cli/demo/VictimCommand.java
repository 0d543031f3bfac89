package dev.terrarium.cli.demo;

import dev.terrarium.Pool;
import dev.terrarium.Terrarium;
import dev.terrarium.cli.Announcement;
import dev.terrarium.cli.Terminal;
import dev.terrarium.cli.WorkerOptions;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// What runs in the second JVM: each worker is given something that it will not finish.
@Command(name = VictimCommand.NAME, hidden = true)
public final class VictimCommand implements Callable<Integer> {
  static final String NAME = "demo-victim";

  private static final Duration LONGER_THAN_IT_LIVES = Duration.ofHours(1);
  private static final Duration START_TIMEOUT = Duration.ofMinutes(2);

  /// One after the other, over and over: each worker has one call, and so one of these.
  private static final List<String> TOOLS =
      List.of(
          "compute",
          "sleep",
          "with_daemon",
          "stubborn",
          "with_child",
          "sleep",
          "with_session",
          "compute",
          "sleep",
          "stubborn");

  private final Terminal terminal;

  @Mixin private final WorkerOptions options = new WorkerOptions();

  @Parameters(index = "0")
  private Path adapter = Path.of("");

  @Option(names = "--workers")
  private int workers = 1;

  public VictimCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  /// How many processes so many workers start.
  static int children(int workers) {
    return (int)
        IntStream.range(0, workers).filter(worker -> tool(worker).startsWith("with_")).count();
  }

  private static String tool(int worker) {
    return TOOLS.get(worker % TOOLS.size());
  }

  @Override
  public Integer call() throws IOException {
    long begin = System.nanoTime();
    try (Terrarium runtime = options.start();
        Pool pool = options.pool(runtime, adapter, workers).startTimeout(START_TIMEOUT).start()) {
      for (int worker = 0; worker < workers; worker++) {
        var _ = pool.tool(tool(worker)).deadline(LONGER_THAN_IT_LIVES).callAsync(Void.class);
      }
      terminal.print(Announcement.of(pool, (System.nanoTime() - begin) / 1_000_000).json());
      System.in.transferTo(OutputStream.nullOutputStream());
    }
    return 0;
  }
}
