package dev.terrarium.orphan;

import dev.terrarium.OrphanProcess.Kind;
import dev.terrarium.orphan.OrphanDetector.Suspect;
import dev.terrarium.process.ProcessIdentity;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/// All that one look at a state directory and at this machine shows.
///
/// @param status the figures
/// @param runs by their directories
/// @param active processes of runs that live
/// @param suspects what only looks like ours
/// @param others what belongs to other installations
public record Overview(
    SystemStatus status,
    List<KnownRun> runs,
    List<Active> active,
    List<Suspect> suspects,
    List<Other> others) {
  public Overview {
    runs = List.copyOf(runs);
    active = List.copyOf(active);
    suspects = List.copyOf(suspects);
    others = List.copyOf(others);
  }

  /// A process of a run that lives, by its birthmark.
  ///
  /// @param cpu the processor time that it has used, to 10 ms
  /// @param residentBytes what it has in memory; pages that forked workers share count for each
  public record Active(
      ProcessIdentity identity, Kind kind, String run, Duration cpu, long residentBytes) {
    public long pid() {
      return identity.pid();
    }
  }

  /// A process of a run that has no directory in this state directory, and that somebody else looks
  /// after: its host lives, or it is another user's. Nothing here ever touches it.
  ///
  /// @param process who it is, and why it is taken for that
  /// @param home the state directory of its run, as far as its warden shows one; a place to look
  ///   at, and no proof of anything
  public record Other(Suspect process, Optional<Path> home) {}
}
