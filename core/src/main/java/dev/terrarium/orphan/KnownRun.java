package dev.terrarium.orphan;

import dev.terrarium.registry.RunManifest;
import dev.terrarium.registry.WorkerRow;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/// A run that has a directory in the state directory.
///
/// @param manifest empty where it cannot be read
/// @param rows of its ledger, zygotes included
public record KnownRun(
    Path directory, RunState state, Optional<RunManifest> manifest, List<WorkerRow> rows) {
  public KnownRun {
    rows = List.copyOf(rows);
  }

  /// The run id; the directory's name where that cannot be read.
  public String id() {
    return manifest
        .map(it -> it.identity().run().value())
        .orElseGet(() -> directory.getFileName().toString());
  }
}
