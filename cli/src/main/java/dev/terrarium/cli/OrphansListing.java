package dev.terrarium.cli;

import dev.terrarium.CleanupPolicy;
import dev.terrarium.OrphanProcess;
import dev.terrarium.orphan.OrphanDetector;
import dev.terrarium.orphan.OrphanDetector.Suspect;
import dev.terrarium.orphan.Overview;
import dev.terrarium.process.ProcFs;
import dev.terrarium.process.ProcessKiller;
import dev.terrarium.process.RunId;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// Orphans, and what only looks like ours, as a list.
final class OrphansListing {
  @Mixin private final StateOptions options = new StateOptions();

  @Option(names = "--json", description = "One JSON object a line.")
  private boolean json;

  /// Looks, and tells.
  ///
  /// @return the exit status
  int print(Terminal terminal) {
    var killer = new ProcessKiller(_ -> {}); // which nobody asks for anything here
    var policy = CleanupPolicy.defaults().reportOnly();
    Overview overview = new OrphanDetector(options.readable(), killer, policy).overview();
    if (json) {
      overview.status().orphanDetails().forEach(it -> terminal.print(Json.write(object(it))));
      overview.suspects().forEach(it -> terminal.print(Json.write(object(it))));
    } else {
      printText(terminal, overview);
    }
    return ExitStatus.DONE;
  }

  private static void printText(Terminal terminal, Overview overview) {
    int orphans = overview.status().orphanedProcesses();
    int suspects = overview.suspects().size();
    if (orphans + suspects > 0) {
      table(overview).lines(terminal).forEach(terminal::print);
    }
    terminal.print(
        orphans == 0
            ? "no orphans"
            : "%s: their runs are dead; `terrarium orphans kill` ends them"
                .formatted(Words.count(orphans, "orphan", "orphans")));
    if (suspects > 0) {
      terminal.print(
          "%s only like ours: not touched without your word for each"
              .formatted(Words.count(suspects, "process looks", "processes look")));
    }
  }

  private static Table table(Overview overview) {
    Table table = new Table(Table.WIDTH, ">PID", "KIND", "RUN", ">AGE", "COMMAND");
    for (OrphanProcess orphan : overview.status().orphanDetails()) {
      table.row(
          Long.toString(orphan.pid()),
          Words.of(orphan.kind()),
          orphan.run(),
          Words.age(orphan.since()),
          Words.shortCommand(orphan.command()));
    }
    for (Suspect suspect : overview.suspects()) {
      table.row(
          Long.toString(suspect.identity().pid()),
          "suspect",
          run(suspect).orElse("?"),
          Words.age(since(suspect)),
          Words.shortCommand(suspect.command()));
      table.row("", "", "", "", "(" + suspect.why() + ")");
    }
    return table;
  }

  private static Map<String, @Nullable Object> object(OrphanProcess orphan) {
    return Json.object(
        "pid", orphan.pid(),
        "kind", Words.of(orphan.kind()),
        "run", orphan.run(),
        "command", Words.command(orphan.command()),
        "since", orphan.since().toString(),
        "proof", orphan.proof());
  }

  static Map<String, @Nullable Object> object(Suspect suspect) {
    return Json.object(
        "pid", suspect.identity().pid(),
        "kind", "suspect",
        "run", run(suspect).orElse(null),
        "command", Words.command(suspect.command()),
        "since", since(suspect).toString(),
        "proof", "none: " + suspect.why());
  }

  /// What its command line says, which proves nothing.
  private static Optional<String> run(Suspect suspect) {
    return RunId.findIn(suspect.command()).map(RunId::value);
  }

  private static Instant since(Suspect suspect) {
    return ProcFs.startedAt(suspect.identity().startTicks());
  }
}
