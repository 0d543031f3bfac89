package dev.terrarium.registry;

import java.nio.file.Path;
import java.time.Instant;

/// What `run.json` says of a run.
///
/// @param sockets the directory of its sockets, which is outside of the run's own
public record RunManifest(RunIdentity identity, Instant startedAt, Path sockets) {}
