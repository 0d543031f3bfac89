package dev.terrarium.orphan;

import dev.terrarium.process.Birthmark;
import dev.terrarium.process.ProcFs;
import dev.terrarium.process.ProcessIdentity;
import dev.terrarium.process.ProcessKiller;
import dev.terrarium.process.SweepReport;
import dev.terrarium.registry.ProcessRegistry;
import dev.terrarium.registry.WorkerRow;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/// A dead run without a birthmark: what its ledger names is known by its identity, and what those
/// left behind is not known at all.
final class UnmarkedRun {
  private final ProcessKiller killer;
  private final String why;

  UnmarkedRun(ProcessKiller killer, String why) {
    this.killer = killer;
    this.why = why;
  }

  List<SweepReport.Found> kill(Path directory) {
    try {
      return ProcessRegistry.read(directory).rows().stream()
          .filter(row -> row.identity().filter(ProcessIdentity::alive).isPresent())
          .map(row -> kill(row, row.identity().orElseThrow()))
          .toList();
    } catch (IOException e) {
      return List.of();
    }
  }

  private SweepReport.Found kill(WorkerRow row, ProcessIdentity identity) {
    List<String> command = ProcFs.commandLine(identity.pid());
    ProcessKiller.Escalation end = killer.escalate(identity, Duration.ZERO, why);
    var mark = new Birthmark.Mark(0, row.number());
    return new SweepReport.Found(
        identity, mark, command, end.gone() ? "" : end.result().describe());
  }
}
