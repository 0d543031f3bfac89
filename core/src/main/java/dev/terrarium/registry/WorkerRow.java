package dev.terrarium.registry;

import dev.terrarium.process.ProcessIdentity;
import java.time.Instant;
import java.util.Optional;

/// One worker in the ledger.
///
/// @param number the worker's number in its birthmark; unique within the run
/// @param fingerprint `terrarium_worker_ID_NANOS_RANDOM`: one name for this very start of the
///   worker
/// @param process empty while only reserved
public record WorkerRow(
    String worker,
    long number,
    String pool,
    String fingerprint,
    RunIdentity origin,
    Instant reservedAt,
    Optional<Activation> process) {
  private static final String ZYGOTE = "-zygote-"; // a worker's name goes on with digits

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
    return worker.startsWith(pool + ZYGOTE);
  }

  /// The name of a pool's zygote.
  ///
  /// @param serial how many there were before, and one
  public static String zygote(String pool, int serial) {
    return pool + ZYGOTE + serial;
  }

  boolean reservedBefore(Instant moment) {
    return process.isEmpty() && reservedAt.isBefore(moment);
  }

  WorkerRow activated(Activation activation) {
    return new WorkerRow(
        worker, number, pool, fingerprint, origin, reservedAt, Optional.of(activation));
  }
}
