package dev.terrarium.cli.demo;

import dev.terrarium.Terrarium;
import dev.terrarium.cli.JsonOption;
import dev.terrarium.cli.Terminal;
import dev.terrarium.cli.WorkerOptions;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// The main job on real input, then the kill.
@Command(
    name = "demo",
    description =
        "Let 100 Python workers do a real job, then SIGKILL their JVM and look what is left.",
    footer = {
      "",
      "First the workers parse every source file of the Python standard library, and Java "
          + "adds it all up. Then a second JVM with as many busy workers is killed, children and "
          + "daemons and all, and this one counts the processes before and after.",
      "",
      "With --json an object for each step: started, parsed, killed.",
      "",
      "Exit status: 0 nothing was left, 1 something was or the work failed, 2 wrong usage, "
          + "3 this machine is not fit, 130 interrupted."
    })
public final class DemoCommand implements Callable<Integer> {
  private final Terminal terminal;
  private final JsonOption json;

  @Mixin private final WorkerOptions options = new WorkerOptions();

  @Option(names = "--workers", paramLabel = "N", description = "How many, each time. Default: 100.")
  private int workers = 100;

  @Option(names = "--files", hidden = true, description = "Parse only the first so many files.")
  private int files = Integer.MAX_VALUE;

  public DemoCommand(Terminal terminal, JsonOption json) {
    this.terminal = terminal;
    this.json = json;
  }

  @Override
  public Integer call() throws Exception {
    int size = WorkerOptions.size(workers);
    Terminal talk = json.wanted() ? terminal.withoutProgressLines() : terminal;
    DemoReport report = json.wanted() ? new JsonReport(talk) : new TextReport(talk);
    try (DemoAdapters adapters = new DemoAdapters()) {
      parse(talk, report, adapters, size);
      return kill(talk, report, adapters, size) ? 0 : 1;
    }
  }

  private void parse(Terminal talk, DemoReport report, DemoAdapters adapters, int size)
      throws Exception {
    report.firstAct(size);
    long begin = System.nanoTime();
    try (Terrarium runtime = options.start()) {
      new LibraryAct(talk, files)
          .play(options.pool(runtime, adapters.find("modulestats.py"), size), begin, report);
    }
  }

  private boolean kill(Terminal talk, DemoReport report, DemoAdapters adapters, int size)
      throws Exception {
    report.secondAct(size);
    talk.progress("starting a second JVM ...");
    try (VictimJvm victim = VictimJvm.start(adapters.find("busy.py"), size, options.arguments())) {
      return new KillAct(talk, report).play(victim, size);
    } finally {
      talk.clearProgress();
    }
  }
}
