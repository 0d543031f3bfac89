package dev.terrarium.cli;

import dev.terrarium.CleanupPolicy;
import dev.terrarium.OrphanProcess;
import dev.terrarium.base.Count;
import dev.terrarium.orphan.OrphanDetector;
import dev.terrarium.orphan.OrphanDetector.Suspect;
import dev.terrarium.orphan.Overview;
import dev.terrarium.process.ProcFs;
import dev.terrarium.process.ProcessKiller;
import dev.terrarium.process.RunId;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// Orphans, and what only looks like ours, as a list.
final class OrphansListing {
  @Mixin private final StateOptions options = new StateOptions();

  private final JsonOption json;
  private boolean all;

  OrphansListing(JsonOption json) {
    this.json = json;
  }

  @Option(
      names = "--all",
      description = "Processes of other installations as well: those with another state directory.")
  void all(boolean said) {
    all |= said;
  }

  /// Whether other installations are asked for.
  boolean isOfAll() {
    return all;
  }

  StateOptions options() {
    return options;
  }

  /// Looks, and tells.
  ///
  /// @return the exit status
  int print(Terminal terminal) {
    var killer = new ProcessKiller(_ -> {}); // which nobody asks for anything here
    var policy = CleanupPolicy.defaults().reportOnly();
    Overview overview = new OrphanDetector(options.readable(), killer, policy).overview();
    if (json.wanted()) {
      overview.status().orphanDetails().forEach(it -> terminal.print(Json.write(object(it))));
      overview.suspects().forEach(it -> terminal.print(Json.write(object(it))));
      others(overview).forEach(it -> terminal.print(Json.write(object("other", it))));
    } else {
      printText(terminal, overview);
    }
    return ExitStatus.DONE;
  }

  /// Those that are to be shown.
  private List<Suspect> others(Overview overview) {
    return all ? overview.others().stream().map(Overview.Other::process).toList() : List.of();
  }

  private void printText(Terminal terminal, Overview overview) {
    int orphans = overview.status().orphanedProcesses();
    int suspects = overview.suspects().size();
    int others = overview.others().size();
    if (orphans + suspects + others(overview).size() > 0) {
      table(overview).lines(terminal).forEach(terminal::print);
    }
    terminal.print(
        orphans == 0
            ? "no orphans"
            : Count.grouped(
                orphans,
                "orphan: its run is dead; `terrarium orphans kill` ends it",
                "orphans: their runs are dead; `terrarium orphans kill` ends them"));
    if (suspects > 0) {
      terminal.print(
          "%s only like ours: not touched without your word for each"
              .formatted(Count.grouped(suspects, "process looks", "processes look")));
    }
    if (others > 0) {
      terminal.print(
          Count.grouped(others, "process of", "processes of")
              + (all
                  ? " other installations: nothing here ends what is theirs"
                  : " other installations: see `terrarium orphans --all`"));
    }
  }

  private Table table(Overview overview) {
    Table table = new Table(Table.WIDTH, ">PID", "KIND", "RUN", ">AGE", "COMMAND");
    for (OrphanProcess orphan : overview.status().orphanDetails()) {
      table.row(
          Long.toString(orphan.pid()),
          Words.of(orphan.kind()),
          orphan.run(),
          Words.age(orphan.since()),
          Words.shortCommand(orphan.command()));
    }
    overview.suspects().forEach(it -> rows(table, "suspect", it));
    others(overview).forEach(it -> rows(table, "other", it));
    return table;
  }

  private static void rows(Table table, String kind, Suspect process) {
    table.row(
        Long.toString(process.identity().pid()),
        kind,
        run(process).orElse("?"),
        Words.age(since(process)),
        Words.shortCommand(process.command()));
    table.row("", "", "", "", "(" + process.why() + ")");
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
    return object("suspect", suspect);
  }

  private static Map<String, @Nullable Object> object(String kind, Suspect suspect) {
    return Json.object(
        "pid", suspect.identity().pid(),
        "kind", kind,
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
