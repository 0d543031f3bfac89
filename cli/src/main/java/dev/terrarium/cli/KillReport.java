package dev.terrarium.cli;

import dev.terrarium.OrphanProcess;
import dev.terrarium.base.Count;
import dev.terrarium.orphan.OrphanDetector.Cleanup;
import dev.terrarium.orphan.OrphanDetector.Suspect;
import dev.terrarium.orphan.Overview;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What came of `orphans kill`.
final class KillReport {
  private final Terminal terminal;
  private final boolean json;
  private final List<Suspect> suspects;

  /// @param suspects who was not touched
  KillReport(Terminal terminal, boolean json, List<Suspect> suspects) {
    this.terminal = terminal;
    this.json = json;
    this.suspects = suspects;
  }

  /// An orphan, and what became of it.
  private record Line(OrphanProcess process, Outcome outcome) {}

  void done(Cleanup cleanup) {
    List<Line> lines =
        cleanup.details().stream()
            .map(it -> new Line(it.process(), Outcome.of(it.ending())))
            .toList();
    print(lines, cleanup.terminated(), cleanup.errors(), cleanup.preservedActive());
  }

  /// Nothing was sent.
  ///
  /// @param outcome for each
  void untouched(Overview overview, String outcome) {
    List<Line> lines =
        overview.status().orphanDetails().stream()
            .map(it -> new Line(it, new Outcome(outcome)))
            .toList();
    print(lines, 0, 0, overview.status().registry().aliveWorkers());
    if (!json && !suspects.isEmpty()) {
      SuspectsByHand.warn(terminal, suspects);
    }
  }

  private void print(List<Line> lines, int terminated, int errors, int preserved) {
    if (json) {
      terminal.print(Json.write(object(lines, terminated, errors, preserved)));
      return;
    }
    if (!lines.isEmpty()) {
      table(lines).lines(terminal).forEach(terminal::print);
    }
    terminal.print(
        "Found: %d, Terminated: %d, Errors: %d, Preserved: %s"
            .formatted(
                lines.size(),
                terminated,
                errors,
                Count.grouped(preserved, "active worker", "active workers")));
  }

  private Map<String, @Nullable Object> object(
      List<Line> lines, int terminated, int errors, int preserved) {
    return Json.object(
        "found",
        lines.size(),
        "terminated",
        terminated,
        "errors",
        errors,
        "preserved_active",
        preserved,
        "details",
        lines.stream().map(KillReport::object).toList(),
        "suspects",
        suspects.stream().map(OrphansListing::object).toList());
  }

  private static Map<String, @Nullable Object> object(Line line) {
    OrphanProcess process = line.process();
    return Json.object(
        "pid", process.pid(),
        "kind", Words.of(process.kind()),
        "run", process.run(),
        "worker", process.worker().orElse(""),
        "command", Words.command(process.command()),
        "since", process.since().toString(),
        "outcome", line.outcome().word(),
        "reason", line.outcome().reason().orElse(null));
  }

  private static Table table(List<Line> lines) {
    Table table = new Table(Table.WIDTH, ">PID", "KIND", "RUN", "OUTCOME", "COMMAND");
    List<Line> sorted = new ArrayList<>(lines);
    sorted.sort((a, b) -> Long.compare(a.process().pid(), b.process().pid()));
    for (Line line : sorted) {
      OrphanProcess process = line.process();
      table.row(
          Long.toString(process.pid()),
          Words.of(process.kind()),
          process.run(),
          line.outcome().text(),
          Words.shortCommand(process.command()));
    }
    return table;
  }
}
