package dev.terrarium.cli;

import dev.terrarium.orphan.Overview;
import dev.terrarium.registry.RegistryException;
import dev.terrarium.registry.StateDirectory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/// Runs that have another state directory, or none that can be told: another user's, say, or of a
/// container.
///
/// @param home where its state is
/// @param processes those of its runs that showed the way there
/// @param look what its state directory shows; empty where it cannot be looked at
record Installation(Optional<Path> home, List<Overview.Other> processes, Optional<Look> look) {
  /// Those that showed up in a look; those whose state directory cannot be told as the last one.
  ///
  /// @param own the state directory that was looked at: runs whose directory was removed from there
  ///   have none
  /// @param look how a state directory is looked at
  static List<Installation> others(
      Overview overview, StateDirectory own, Function<StateDirectory, Look> look) {
    Predicate<Overview.Other> hasHome =
        it -> it.home().filter(home -> !home.equals(own.path())).isPresent();
    Map<Path, List<Overview.Other>> known =
        overview.others().stream()
            .filter(hasHome)
            .collect(
                Collectors.groupingBy(
                    it -> it.home().orElseThrow(), TreeMap::new, Collectors.toList()));
    List<Installation> all = new ArrayList<>();
    known.forEach((home, its) -> all.add(new Installation(Optional.of(home), its, at(home, look))));
    List<Overview.Other> unknown = overview.others().stream().filter(hasHome.negate()).toList();
    if (!unknown.isEmpty()) {
      all.add(new Installation(Optional.empty(), unknown, Optional.empty()));
    }
    return all;
  }

  private static Optional<Look> at(Path home, Function<StateDirectory, Look> look) {
    try {
      return Optional.of(look.apply(StateDirectory.locate(home)));
    } catch (RegistryException e) {
      return Optional.empty();
    }
  }

  /// Its processes' numbers.
  List<Long> pids() {
    return processes.stream().map(it -> it.process().identity().pid()).sorted().toList();
  }
}
