package dev.terrarium.orphan;

import dev.terrarium.OrphanProcess.Kind;
import dev.terrarium.orphan.OrphanDetector.Suspect;
import java.util.List;

/// All that one look at a state directory and at this machine shows.
///
/// @param status the figures
/// @param runs by their directories
/// @param active processes of runs that live
/// @param suspects what only looks like ours
public record Overview(
    SystemStatus status, List<KnownRun> runs, List<Active> active, List<Suspect> suspects) {
  public Overview {
    runs = List.copyOf(runs);
    active = List.copyOf(active);
    suspects = List.copyOf(suspects);
  }

  /// A process of a run that lives.
  public record Active(long pid, Kind kind, String run) {}
}
