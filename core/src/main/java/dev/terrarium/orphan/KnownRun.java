package dev.terrarium.orphan;

import dev.terrarium.registry.RunManifest;
import dev.terrarium.registry.WorkerRow;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/// A run that has a directory in the state directory.
///
/// @param detail for people: why it is taken for what it is
/// @param manifest empty where it is unreadable
/// @param rows of its ledger, zygotes included
public record KnownRun(
    Path directory,
    Standing standing,
    String detail,
    Optional<RunManifest> manifest,
    List<WorkerRow> rows) {
  public KnownRun {
    rows = List.copyOf(rows);
  }

  /// Whether a run lives.
  public enum Standing {
    /// Its lock is held.
    LIVE,
    /// Its lock is free.
    DEAD,
    /// It belongs to another user or PID namespace: neither its pids nor its lock say anything
    /// here.
    FOREIGN,
    /// Its directory says nothing.
    UNREADABLE
  }

  /// The run id; the directory's name where that cannot be read.
  public String id() {
    return manifest
        .map(it -> it.identity().run().value())
        .orElseGet(() -> directory.getFileName().toString());
  }
}
