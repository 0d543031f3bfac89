package dev.terrarium.registry;

import dev.terrarium.json.Fields;
import dev.terrarium.process.ProcessIdentity;
import dev.terrarium.process.ProcessName.Role;
import java.time.Instant;
import java.util.Optional;

/// One worker or zygote in the ledger.
///
/// @param worker its name, for people
/// @param role what the process is there for
/// @param number its number in its birthmark; unique within the run
/// @param fingerprint `terrarium_worker_ID_NANOS_RANDOM`: one name for this very start of the
///   worker
/// @param process empty while only reserved
public record WorkerRow(
    String worker,
    Role role,
    long number,
    String pool,
    String fingerprint,
    RunIdentity origin,
    Instant reservedAt,
    Optional<Activation> process) {
  private static final String ROLE = "role";

  /// The process behind a row.
  ///
  /// @param group its process group
  public record Activation(long pid, long startTicks, long group, Instant at) {
    boolean same(long otherPid, long otherTicks) {
      return pid == otherPid && startTicks == otherTicks;
    }
  }

  /// Which process it is; empty while only reserved.
  public Optional<ProcessIdentity> identity() {
    return process.map(
        active -> new ProcessIdentity(origin.host().bootId(), active.pid(), active.startTicks()));
  }

  /// Whether it is the process that forks a pool's workers.
  public boolean isZygote() {
    return role == Role.ZYGOTE;
  }

  /// The role that a row says, in the ledger or in a host's answer. Rows of earlier versions say
  /// none, and count as workers: a zygote among them is then called a worker, and is found and
  /// ended by its birthmark as ever.
  ///
  /// @throws IllegalArgumentException if it says one that there is not
  public static Role role(Fields row) {
    return row.has(ROLE) ? row.word(ROLE, Role.class, ' ') : Role.WORKER;
  }

  boolean reservedBefore(Instant moment) {
    return process.isEmpty() && reservedAt.isBefore(moment);
  }

  WorkerRow activated(Activation activation) {
    return new WorkerRow(
        worker, role, number, pool, fingerprint, origin, reservedAt, Optional.of(activation));
  }
}
