package dev.terrarium.orphan;

import dev.terrarium.process.Birthmark;
import dev.terrarium.registry.WorkerRow;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/// A run's directory, and what [RunInspector] found it to be.
///
/// @param run empty where it cannot be read
record InspectedRun(Path directory, RunState state, Optional<Run> run) {
  /// For users.
  KnownRun known() {
    List<WorkerRow> rows = run.map(Run::rows).orElse(List.of());
    return new KnownRun(directory, state, run.map(Run::manifest), rows);
  }

  /// The number that its processes bear; empty where none of its processes can be there.
  Optional<Birthmark> mark() {
    return switch (state) {
      case RunState.Dead(var mark, _) -> Optional.of(mark);
      case RunState.OfAnotherBoot _, RunState.HalfRemoved _ -> Optional.empty();
      case RunState.Live _, RunState.Foreign _, RunState.Unreadable _ ->
          run.flatMap(it -> it.identity().birthmark());
    };
  }

  boolean isDead() {
    return state instanceof RunState.Dead;
  }

  boolean isLive() {
    return state instanceof RunState.Live;
  }
}
