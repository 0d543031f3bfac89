package dev.terrarium.cli;

import dev.terrarium.OrphanProcess;
import dev.terrarium.control.HostStatus;
import dev.terrarium.control.HostStatus.PoolStatus;
import dev.terrarium.orphan.KnownRun;
import dev.terrarium.orphan.Overview;
import dev.terrarium.orphan.SystemStatus;
import dev.terrarium.process.ProcessIdentity;
import dev.terrarium.registry.RunManifest;
import dev.terrarium.registry.WorkerRow;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// The status for programs.
final class StatusJson {
  private final Look look;

  private StatusJson(Look look) {
    this.look = look;
  }

  static Map<String, @Nullable Object> of(Look look) {
    return new StatusJson(look).object();
  }

  static Map<String, @Nullable Object> of(Installation installation) {
    return Json.object(
        "home", installation.home().map(Path::toString).orElse(null),
        "pids", installation.pids(),
        "status", installation.look().map(StatusJson::of).orElse(null));
  }

  private Map<String, @Nullable Object> object() {
    SystemStatus status = look.overview().status();
    return Json.object(
        "registry", registry(status.registry()),
        "orphaned_processes", status.orphanedProcesses(),
        "total_worker_processes", status.totalWorkerProcesses(),
        "system_health", Words.of(status.health()),
        "orphan_details", status.orphanDetails().stream().map(StatusJson::orphan).toList(),
        "other_processes", look.overview().others().size(),
        "runs", look.overview().runs().stream().map(this::run).toList());
  }

  private static Map<String, @Nullable Object> registry(SystemStatus.Registry registry) {
    return Json.object(
        "total_registered", registry.totalRegistered(),
        "alive_workers", registry.aliveWorkers(),
        "dead_workers", registry.deadWorkers(),
        "active_python_pids", registry.activePids());
  }

  private static Map<String, @Nullable Object> orphan(OrphanProcess orphan) {
    return Json.object(
        "pid", orphan.pid(),
        "cmdline", Words.command(orphan.command()),
        "detected_at", orphan.detectedAt().toString());
  }

  private Map<String, @Nullable Object> run(KnownRun run) {
    Optional<HostStatus> answer = look.answer(run);
    Optional<RunManifest> manifest = run.manifest();
    return Json.object(
        "run", run.id(),
        "state", Words.of(run.state()),
        "answered", answer.isPresent(),
        "detail", look.silence(run).orElse(run.state().why()),
        "directory", run.directory().toString(),
        "host", manifest.map(it -> it.identity().host().pid()).orElse(null),
        "started_at", manifest.map(it -> it.startedAt().toString()).orElse(null),
        "uptime_ms", answer.map(it -> it.uptime().toMillis()).orElse(null),
        "processes", processes(run),
        "pools",
            answer.stream().flatMap(it -> it.pools().stream()).map(PoolStatus::fields).toList(),
        "ledger", look.rows(run).stream().map(row -> row(run, row)).toList(),
        "orphans", orphans(run));
  }

  private long processes(KnownRun run) {
    return look.overview().active().stream().filter(it -> it.run().equals(run.id())).count();
  }

  private List<Long> orphans(KnownRun run) {
    return look.overview().status().orphanDetails().stream()
        .filter(it -> it.run().equals(run.id()))
        .map(OrphanProcess::pid)
        .toList();
  }

  private Map<String, @Nullable Object> row(KnownRun run, WorkerRow row) {
    Optional<Overview.Active> process = look.process(run, row);
    return Json.object(
        "worker", row.worker(),
        "role", Words.of(row.role()),
        "number", row.number(),
        "pool", row.pool(),
        "fingerprint", row.fingerprint(),
        "pid", row.process().map(WorkerRow.Activation::pid).orElse(null),
        "alive", row.identity().filter(ProcessIdentity::alive).isPresent(),
        "resident_bytes", process.map(Overview.Active::residentBytes).orElse(null),
        "cpu_ms", process.map(it -> it.cpu().toMillis()).orElse(null));
  }
}
