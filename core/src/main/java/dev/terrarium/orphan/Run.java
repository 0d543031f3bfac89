package dev.terrarium.orphan;

import dev.terrarium.OrphanProcess;
import dev.terrarium.OrphanProcess.Kind;
import dev.terrarium.OrphanProcess.Recorded;
import dev.terrarium.process.Bearer;
import dev.terrarium.process.Birthmark;
import dev.terrarium.process.ProcFs;
import dev.terrarium.process.ProcStat;
import dev.terrarium.process.ProcessIdentity;
import dev.terrarium.registry.ProcessRegistry;
import dev.terrarium.registry.RunIdentity;
import dev.terrarium.registry.RunManifest;
import dev.terrarium.registry.WorkerRow;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;

/// One run, and what its ledger knows of the processes that bear its mark.
final class Run {
  /// A process that ends while we climb from child to parent may lead anywhere.
  private static final int DEPTH_MAX = 1_000;

  private final Path directory;
  private final RunManifest manifest;
  private final Map<Long, WorkerRow> rows;

  Run(Path directory, RunManifest manifest, List<WorkerRow> rows) {
    this.directory = directory;
    this.manifest = manifest;
    this.rows =
        rows.stream()
            .collect(
                Collectors.toUnmodifiableMap(
                    WorkerRow::number, Function.identity(), (_, later) -> later));
  }

  /// With the ledger of its directory; with none where that cannot be read, which only makes what
  /// is said of its processes poorer.
  static Run read(Path directory, RunManifest manifest) {
    try {
      return new Run(directory, manifest, ProcessRegistry.read(directory).rows());
    } catch (IOException e) {
      return new Run(directory, manifest, List.of());
    }
  }

  Path directory() {
    return directory;
  }

  RunManifest manifest() {
    return manifest;
  }

  RunIdentity identity() {
    return manifest.identity();
  }

  List<WorkerRow> rows() {
    return List.copyOf(rows.values());
  }

  private Recorded recorded(Birthmark.Mark mark) {
    WorkerRow row = rows.get(mark.worker());
    if (row == null) {
      return Recorded.NOT_AT_ALL;
    }
    return row.process().isPresent() ? Recorded.ACTIVATED : Recorded.RESERVED;
  }

  Kind kind(ProcessIdentity identity, Birthmark.Mark mark) {
    if (mark.isWarden()) {
      return Kind.WARDEN;
    }
    return Optional.ofNullable(rows.get(mark.worker()))
        .filter(row -> row.identity().map(identity::equals).orElse(true))
        .map(row -> row.isZygote() ? Kind.ZYGOTE : Kind.WORKER)
        .orElse(Kind.CHILD);
  }

  /// An orphan of this run, found by its mark.
  OrphanProcess describe(Bearer bearer) {
    return describe(bearer, bears(bearer.mark()));
  }

  /// An orphan in one of the run's cgroups.
  OrphanProcess describe(Bearer bearer, Path tree) {
    return describe(bearer, "is in %s, and %s".formatted(tree, bears(bearer.mark())));
  }

  private String bears(Birthmark.Mark mark) {
    return "bears birthmark %d of run %s, whose lock is free"
        .formatted(mark.run(), identity().run());
  }

  private OrphanProcess describe(Bearer bearer, String proof) {
    ProcessIdentity process = bearer.identity();
    Birthmark.Mark mark = bearer.mark();
    return new OrphanProcess(
        process.pid(),
        process.startTicks(),
        kind(process, mark),
        identity().run().value(),
        Optional.ofNullable(rows.get(mark.worker())).map(WorkerRow::worker),
        recorded(mark),
        bearer.command(),
        ProcFs.startedAt(process.startTicks()),
        Instant.now(),
        proof);
  }

  /// Whether a warden of this run still works under its host: then the run lives, whatever became
  /// of its lock.
  ///
  /// A lock is free also where somebody removed its file, or the whole directory, and put another
  /// there. Nobody descends from a host that is dead.
  boolean hasWardenUnderItsHost() {
    return identity().host().alive()
        && ProcFs.pids().stream().anyMatch(pid -> isWarden(pid) && isChildOfHost(pid));
  }

  private boolean isWarden(long pid) {
    return Birthmark.of(pid)
        .filter(Birthmark.Mark::isWarden)
        .filter(mark -> identity().birthmark().filter(own -> own.run() == mark.run()).isPresent())
        .isPresent();
  }

  private boolean isChildOfHost(long pid) {
    return ProcFs.stat(pid)
        .filter(stat -> !stat.dead() && stat.parent() == identity().host().pid())
        .isPresent();
  }

  /// Whether a process descends from this run's host.
  boolean isAbove(ProcStat process) {
    ProcStat at = process;
    for (int depth = 0; depth < DEPTH_MAX; depth++) {
      if (at.parent() == identity().host().pid()) {
        return identity().host().alive();
      }
      Optional<ProcStat> parent = ProcFs.stat(at.parent());
      if (parent.isEmpty()) {
        return false;
      }
      at = parent.get();
    }
    return false;
  }
}
