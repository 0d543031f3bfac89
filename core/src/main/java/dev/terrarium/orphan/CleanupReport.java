package dev.terrarium.orphan;

import dev.terrarium.OrphanEnding;
import dev.terrarium.OrphanProcess.Recorded;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/// What a start found of other runs.
///
/// @param findings one for each directory
public record CleanupReport(List<Finding> findings, Duration took) {
  /// One run's directory, and what was done about it.
  public sealed interface Finding {
    Path directory();

    /// For people.
    String why();

    /// What bore its birthmark, as far as anybody was looked for.
    default List<OrphanEnding> processes() {
      return switch (this) {
        case Removed(_, _, var processes) -> processes;
        case Incomplete(_, _, var processes) -> processes;
        case InUse _, Untouched _, Postponed _ -> List.of();
      };
    }
  }

  /// Its lock is held: its runtime lives, or somebody else cleans up there. Or it is being made.
  public record InUse(Path directory, String why) implements Finding {}

  /// Its lock is free, and it is not dead by its state. Nothing of it was touched.
  public record Untouched(Path directory, RunState state) implements Finding {
    @Override
    public String why() {
      return state.why();
    }
  }

  /// It was dead, and nothing of it is left: no process, no directory.
  public record Removed(Path directory, String why, List<OrphanEnding> processes)
      implements Finding {
    public Removed {
      processes = List.copyOf(processes);
    }
  }

  /// It is dead, but something could not be ended or removed, or is spared. The next start tries
  /// again.
  public record Incomplete(Path directory, String why, List<OrphanEnding> processes)
      implements Finding {
    public Incomplete {
      processes = List.copyOf(processes);
    }
  }

  /// The time was up before anybody looked. The next start does.
  public record Postponed(Path directory) implements Finding {
    @Override
    public String why() {
      return "the time was up";
    }
  }

  public CleanupReport {
    findings = List.copyOf(findings);
  }

  /// The findings of one kind.
  public <F extends Finding> List<F> with(Class<F> kind) {
    return findings.stream().filter(kind::isInstance).map(kind::cast).toList();
  }

  /// Processes of dead runs.
  public List<OrphanEnding> found() {
    return findings.stream().flatMap(finding -> finding.processes().stream()).toList();
  }

  public long killed() {
    return found().stream().filter(OrphanEnding::isDead).count();
  }

  public List<OrphanEnding> left() {
    return found().stream().filter(process -> !process.isDead()).toList();
  }

  /// How many of those found stood so in their ledgers.
  public long found(Recorded recorded) {
    return found().stream().filter(it -> it.process().recorded() == recorded).count();
  }
}
