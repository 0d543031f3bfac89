package dev.terrarium;

import java.time.Duration;
import java.util.List;

/// A pool at one moment.
///
/// @param size how many workers it is to have
/// @param idle workers without a call
/// @param busy workers with at least one call
/// @param starting workers that are not ready yet
/// @param waiting calls that wait for a worker
/// @param calls calls that were given to a worker, ever
/// @param restarts workers that were replaced, ever
/// @param ledgerRows how many workers and zygotes of the pool stand in the ledger; expected: as
///   many as there are processes to be
/// @param processes workers and whatever they have started that lives; expected: `size` where tools
///   start nothing
/// @param cleanupActivations how often in this JVM the end of a runtime found something that its
///   pools had left; expected: 0
/// @param workers the processes, oldest first
public record PoolStats(
    int size,
    int idle,
    int busy,
    int starting,
    int waiting,
    long calls,
    long restarts,
    int ledgerRows,
    int processes,
    long cleanupActivations,
    List<WorkerInfo> workers) {
  public PoolStats {
    workers = List.copyOf(workers);
  }

  /// One worker's process.
  ///
  /// @param id such as `a-1`
  /// @param pid its process id on this machine
  /// @param cpu the processor time that it has used, to 10 ms
  /// @param residentBytes what it has in memory; pages that forked workers share count for each
  public record WorkerInfo(String id, long pid, Duration cpu, long residentBytes) {}
}
