package dev.terrarium.orphan;

import dev.terrarium.orphan.CleanupReport.Fate;
import dev.terrarium.orphan.CleanupReport.Finding;
import dev.terrarium.process.Birthmark;
import dev.terrarium.process.ProcessKiller;
import dev.terrarium.process.SweepReport;
import dev.terrarium.registry.DeadRun;
import dev.terrarium.registry.Origin;
import dev.terrarium.registry.RegistryException;
import dev.terrarium.registry.RunDirectory;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// The dead among some run directories, with their locks held: swept in one pass over `/proc`,
/// however many there are.
final class CleanupBatch implements AutoCloseable {
  private static final String WHY = "startup cleanup: the runtime is dead";

  private final ProcessKiller killer;
  private final Duration timeout;
  private final List<Finding> findings = new ArrayList<>();
  private final List<DeadRun> held = new ArrayList<>();
  private final Map<Birthmark, DeadRun> marked = new LinkedHashMap<>();

  CleanupBatch(ProcessKiller killer, Duration timeout) {
    this.killer = killer;
    this.timeout = timeout;
  }

  /// Takes the lock if it is free and decides what is to be done.
  void take(Path directory) {
    try {
      if (RunDirectory.isTemporary(directory)) {
        takeTemporary(directory);
      } else {
        takeComplete(directory);
      }
    } catch (NoSuchFileException e) {
      removeEmpty(directory);
    } catch (IOException | RegistryException e) {
      report(directory, Fate.UNREADABLE, String.valueOf(e.getMessage()));
    }
  }

  private void takeTemporary(Path directory) throws IOException {
    if (RunDirectory.removeStaleTemporary(directory)) {
      report(directory, Fate.CLEANED, "was never completed");
    } else {
      report(directory, Fate.ALIVE, "is being made");
    }
  }

  private void takeComplete(Path directory) throws IOException {
    Optional<DeadRun> dead = RunDirectory.tryLockDead(directory);
    if (dead.isEmpty()) {
      report(directory, Fate.ALIVE, "its lock is held");
      return;
    }
    held.add(dead.get());
    if (dead.get().halfRemoved()) {
      remove(dead.get(), "a removal was cut short", List.of());
    } else {
      sort(dead.get(), dead.get().details().origin());
    }
  }

  /// The order of the questions matters: of another boot nothing can be alive, whoever it belonged
  /// to.
  private void sort(DeadRun run, Origin origin) {
    if (!origin.sameBoot()) {
      remove(run, "the machine was started anew since", List.of());
    } else if (!origin.sameUser()) {
      report(run.path(), Fate.FOREIGN, "belongs to user %d".formatted(origin.uid()));
    } else if (!origin.samePidNamespace()) {
      report(run.path(), Fate.FOREIGN, "belongs to namespace " + origin.pidNamespace());
    } else {
      origin.birthmark().ifPresentOrElse(mark -> marked.put(mark, run), () -> unmarked(run));
    }
  }

  /// Where the machine left no room for a birthmark the ledger's identities are the proof.
  private void unmarked(DeadRun run) {
    List<SweepReport.Found> found = new UnmarkedRun(killer, WHY).kill(run.path());
    conclude(run, found, /* complete= */ true);
  }

  List<Finding> clean() {
    if (!marked.isEmpty()) {
      SweepReport report = killer.sweep(marked.keySet(), WHY, timeout);
      marked.forEach((mark, run) -> conclude(run, report.of(mark).found(), report.complete()));
    }
    return findings;
  }

  private void conclude(DeadRun run, List<SweepReport.Found> found, boolean complete) {
    long left = found.stream().filter(process -> !process.dead()).count();
    if (complete && left == 0) {
      remove(run, "%d processes were killed".formatted(found.size()), found);
    } else {
      String detail = "%d processes were found, %d are left".formatted(found.size(), left);
      findings.add(new Finding(run.path(), Fate.LEFT, detail, found));
    }
  }

  private void remove(DeadRun run, String detail, List<SweepReport.Found> found) {
    try {
      run.remove();
      findings.add(new Finding(run.path(), Fate.CLEANED, detail, found));
    } catch (IOException e) {
      String problem = detail + ", but it cannot be removed: " + e.getMessage();
      findings.add(new Finding(run.path(), Fate.LEFT, problem, found));
    }
  }

  /// Without a lock it is what a removal left that was cut short at the very end, or gone by now.
  private void removeEmpty(Path directory) {
    try {
      RunDirectory.removeEmpty(directory);
      report(directory, Fate.CLEANED, "was removed already");
    } catch (IOException e) {
      report(directory, Fate.UNREADABLE, "has no lock, and is not empty");
    }
  }

  private void report(Path directory, Fate fate, String detail) {
    findings.add(new Finding(directory, fate, detail, List.of()));
  }

  @Override
  public void close() {
    held.forEach(DeadRun::close);
  }
}
