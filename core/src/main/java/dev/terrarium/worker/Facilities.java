package dev.terrarium.worker;

import dev.terrarium.base.Clock;
import dev.terrarium.registry.ProcessRegistry;
import dev.terrarium.warden.Gate;
import dev.terrarium.warden.Wardens;
import dev.terrarium.wire.MemoryFiles;
import java.nio.file.Path;
import java.util.Optional;

/// What the workers of a pool need of their runtime.
///
/// @param run the run id
/// @param executable the pool's interpreter
/// @param script the worker's main program
/// @param socket where workers dial
/// @param cgroups the run's directory in the hierarchy of cgroups, for a pool that asks for one
public record Facilities(
    String run,
    String executable,
    String script,
    String socket,
    Wardens wardens,
    Gate gate,
    ProcessRegistry registry,
    Clock clock,
    MemoryFiles memory,
    WorkerLog log,
    Optional<Path> cgroups) {}
