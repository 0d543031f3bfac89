package dev.terrarium.control;

import dev.terrarium.PoolStats;
import dev.terrarium.PoolStats.WorkerInfo;
import dev.terrarium.json.Fields;
import dev.terrarium.json.PlainJson;
import dev.terrarium.process.ProcessIdentity;
import dev.terrarium.registry.RunIdentity;
import dev.terrarium.registry.WorkerRow;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// What a host says of itself: the answer to the question `status`.
///
/// @param run the run id
/// @param host the JVM
/// @param startedAt when the runtime started
/// @param uptime how long it has run, by a clock that nobody sets
/// @param pools those that are open
/// @param ledger every worker and zygote, as the host's memory has them
public record HostStatus(
    String run,
    ProcessIdentity host,
    Instant startedAt,
    Duration uptime,
    List<PoolStatus> pools,
    List<WorkerRow> ledger) {
  public HostStatus {
    pools = List.copyOf(pools);
    ledger = List.copyOf(ledger);
  }

  /// One pool.
  public record PoolStatus(String name, PoolStats stats) {
    /// As it travels, and as programs read it from the command.
    public Map<String, Object> fields() {
      return PlainJson.object(
          "name", name,
          "size", stats.size(),
          "idle", stats.idle(),
          "busy", stats.busy(),
          "starting", stats.starting(),
          "waiting", stats.waiting(),
          "calls", stats.calls(),
          "restarts", stats.restarts(),
          "ledger_rows", stats.ledgerRows(),
          "processes", stats.processes(),
          "cleanup_activations", stats.cleanupActivations(),
          "workers", stats.workers().stream().map(PoolStatus::fields).toList());
    }

    private static Map<String, Object> fields(WorkerInfo worker) {
      return PlainJson.object(
          "id", worker.id(),
          "pid", worker.pid(),
          "cpu_ms", worker.cpu().toMillis(),
          "resident_bytes", worker.residentBytes());
    }
  }

  /// As they travel.
  Map<String, Object> fields() {
    return PlainJson.object(
        "run", run,
        "host", PlainJson.object("pid", host.pid(), "ticks", host.startTicks()),
        "started_at", startedAt.toString(),
        "uptime_ms", uptime.toMillis(),
        "pools", pools.stream().map(PoolStatus::fields).toList(),
        "ledger", ledger.stream().map(HostStatus::fields).toList());
  }

  /// @param origin whose answer this is to be; what it says of itself must agree
  /// @throws IllegalArgumentException if something is missing, or it is another run's
  static HostStatus read(Fields fields, RunIdentity origin) {
    Fields host = fields.object("host");
    var status =
        new HostStatus(
            fields.text("run"),
            new ProcessIdentity(origin.host().bootId(), host.integer("pid"), host.integer("ticks")),
            instant(fields, "started_at"),
            Duration.ofMillis(fields.integer("uptime_ms")),
            fields.objects("pools").stream().map(HostStatus::pool).toList(),
            fields.objects("ledger").stream().map(row -> row(row, origin)).toList());
    if (!status.run.equals(origin.run().value()) || !status.host.equals(origin.host())) {
      throw fields.refusal("run", "it is %s of %s".formatted(status.run, status.host));
    }
    return status;
  }

  private static PoolStatus pool(Fields fields) {
    var stats =
        new PoolStats(
            fields.small("size"),
            fields.small("idle"),
            fields.small("busy"),
            fields.small("starting"),
            fields.small("waiting"),
            fields.integer("calls"),
            fields.integer("restarts"),
            fields.small("ledger_rows"),
            fields.small("processes"),
            fields.integer("cleanup_activations"),
            fields.objects("workers").stream().map(HostStatus::worker).toList());
    return new PoolStatus(fields.text("name"), stats);
  }

  private static WorkerInfo worker(Fields fields) {
    return new WorkerInfo(
        fields.text("id"),
        fields.integer("pid"),
        Duration.ofMillis(fields.integer("cpu_ms")),
        fields.integer("resident_bytes"));
  }

  private static Map<String, Object> fields(WorkerRow row) {
    WorkerRow.@Nullable Activation process = row.process().orElse(null);
    return PlainJson.object(
        "worker", row.worker(),
        "role", Fields.word(row.role(), ' '),
        "number", row.number(),
        "pool", row.pool(),
        "fingerprint", row.fingerprint(),
        "reserved_at", row.reservedAt().toString(),
        "pid", process == null ? null : process.pid(),
        "ticks", process == null ? null : process.startTicks(),
        "pgid", process == null ? null : process.group(),
        "activated_at", process == null ? null : process.at().toString());
  }

  private static WorkerRow row(Fields fields, RunIdentity origin) {
    return new WorkerRow(
        fields.text("worker"),
        WorkerRow.role(fields),
        fields.integer("number"),
        fields.text("pool"),
        fields.text("fingerprint"),
        origin,
        instant(fields, "reserved_at"),
        fields.has("pid") ? Optional.of(activation(fields)) : Optional.empty());
  }

  private static WorkerRow.Activation activation(Fields fields) {
    return new WorkerRow.Activation(
        fields.integer("pid"),
        fields.integer("ticks"),
        fields.integer("pgid"),
        instant(fields, "activated_at"));
  }

  private static Instant instant(Fields fields, String name) {
    try {
      return Instant.parse(fields.text(name));
    } catch (DateTimeParseException e) {
      throw fields.refusal(name, "it is no time");
    }
  }
}
