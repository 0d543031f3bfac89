package dev.terrarium;

import java.time.Instant;
import java.util.List;
import java.util.Optional;

/// A process of a dead runtime.
///
/// @param pid its number on this machine
/// @param startTicks when it started, in clock ticks since boot: with the pid says which process it
///   is
/// @param kind what it was
/// @param run the run id of the runtime that it belonged to
/// @param worker the id of its worker, such as `a-1`, as far as the ledger knows it
/// @param recorded how it stood in the ledger of its runtime
/// @param command its command line, empty where it has none
/// @param since when it started
/// @param detectedAt when it was found
/// @param proof how we know that it is ours, and that its runtime is dead
public record OrphanProcess(
    long pid,
    long startTicks,
    Kind kind,
    String run,
    Optional<String> worker,
    Recorded recorded,
    List<String> command,
    Instant since,
    Instant detectedAt,
    String proof) {
  /// What a process of ours is.
  public enum Kind {
    /// The helper process of a runtime.
    WARDEN,
    /// The process that forks a pool's workers.
    ZYGOTE,
    /// A worker.
    WORKER,
    /// Something that a worker started, and that nobody has written down.
    CHILD
  }

  /// How a process stood in the ledger, which tells more of it and proves nothing.
  public enum Recorded {
    /// Its worker's row has a process.
    ACTIVATED,
    /// Its worker's row never got that far.
    RESERVED,
    /// There is no row, or there was none any more.
    NOT_AT_ALL
  }

  public OrphanProcess {
    command = List.copyOf(command);
  }
}
