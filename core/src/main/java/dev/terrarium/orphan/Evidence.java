package dev.terrarium.orphan;

import dev.terrarium.process.Birthmark;
import dev.terrarium.registry.RunDirectory;
import dev.terrarium.registry.RunIdentity;
import dev.terrarium.registry.RunManifest;
import dev.terrarium.registry.StateDirectory;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// What may speak against a directory that says that a birthmark is its run's: other directories
/// that say the same, and the kernel, which shows whose warden lives under its host.
///
/// A free lock proves that whoever had it is dead, and a mark proves that a process belongs to the
/// run that chose it. That both are of one run only a file says, which anybody of this user can
/// have changed, copied or damaged. Not for several threads.
final class Evidence {
  private final Map<Birthmark, List<Path>> claims = new HashMap<>();
  private @Nullable Set<Birthmark> watched; // looked at when it is first asked for

  /// Of all directories of a state directory. What cannot be read claims nothing.
  ///
  /// @throws IOException if that cannot be listed
  static Evidence of(StateDirectory state) throws IOException {
    var evidence = new Evidence();
    RunInspector.directories(state).stream()
        .filter(it -> !RunDirectory.isTemporary(it) && RunDirectory.isOwn(it))
        .forEach(evidence::add);
    return evidence;
  }

  private void add(Path directory) {
    try {
      RunManifest manifest = RunDirectory.read(directory);
      add(directory, manifest.identity());
    } catch (IOException | IllegalArgumentException e) {
      // It says nothing.
    }
  }

  /// A directory says whose it is.
  void add(Path directory, RunIdentity identity) {
    identity
        .birthmark()
        .ifPresent(mark -> claims.computeIfAbsent(mark, _ -> new ArrayList<>()).add(directory));
  }

  /// Which other directories claim the mark; empty where none does, as it should be.
  Optional<String> dispute(Birthmark mark, Path directory) {
    List<Path> others =
        claims.getOrDefault(mark, List.of()).stream().filter(it -> !it.equals(directory)).toList();
    return others.isEmpty()
        ? Optional.empty()
        : Optional.of(
            "its birthmark is that of %s as well, and so proves nothing"
                .formatted(
                    others.stream()
                        .map(it -> it.getFileName().toString())
                        .collect(Collectors.joining(", "))));
  }

  /// Whether a warden that bears the mark works under a host that lives, whatever any file says.
  boolean hostLives(Birthmark mark) {
    Set<Birthmark> known = watched;
    if (known == null) {
      known = Birthmark.watched();
      watched = known;
    }
    return known.contains(mark);
  }
}
