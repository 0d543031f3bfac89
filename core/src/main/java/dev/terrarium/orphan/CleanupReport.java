package dev.terrarium.orphan;

import dev.terrarium.OrphanProcess;
import dev.terrarium.orphan.Run.Recorded;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/// What a start found of other runs.
///
/// @param findings one for each directory
public record CleanupReport(List<Finding> findings, Duration took) {
  /// What became of one run's directory.
  public enum Fate {
    /// Its lock is held: the runtime lives, or somebody else cleans up there at the moment.
    /// Untouched.
    ALIVE,
    /// Dead, and nothing of it is left: no process, no directory.
    CLEANED,
    /// Dead, but something could not be killed or removed. The next start tries again.
    LEFT,
    /// Dead, but of another user or PID namespace, whose pids mean nothing here. Untouched.
    FOREIGN,
    /// It cannot be told what it is. Untouched.
    UNREADABLE,
    /// The time was up. The next start looks again.
    POSTPONED
  }

  /// A process of a dead run, and what became of it.
  ///
  /// @param recorded how it stood in that run's ledger
  /// @param forced it was to get SIGKILL
  /// @param spared the policy keeps it
  /// @param left empty where it is proved dead, else why it is not
  public record Ended(
      OrphanProcess process, Recorded recorded, boolean forced, boolean spared, String left) {
    public boolean dead() {
      return left.isEmpty();
    }
  }

  /// One directory and what became of it.
  ///
  /// @param detail for people
  /// @param processes what bore its birthmark
  public record Finding(Path directory, Fate fate, String detail, List<Ended> processes) {
    public Finding {
      processes = List.copyOf(processes);
    }
  }

  public CleanupReport {
    findings = List.copyOf(findings);
  }

  public List<Finding> with(Fate fate) {
    return findings.stream().filter(finding -> finding.fate() == fate).toList();
  }

  /// Processes of dead runs.
  public List<Ended> found() {
    return findings.stream().flatMap(finding -> finding.processes().stream()).toList();
  }

  public long killed() {
    return found().stream().filter(Ended::dead).count();
  }

  public List<Ended> left() {
    return found().stream().filter(process -> !process.dead()).toList();
  }

  /// How many of those found stood so in their ledgers.
  public long found(Recorded recorded) {
    return found().stream().filter(process -> process.recorded() == recorded).count();
  }
}
