package dev.terrarium;

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
/// @param workers the processes, oldest first
public record PoolStats(
    int size,
    int idle,
    int busy,
    int starting,
    int waiting,
    long calls,
    long restarts,
    List<WorkerInfo> workers) {
  public PoolStats {
    workers = List.copyOf(workers);
  }

  /// One worker's process.
  ///
  /// @param id such as `a-1`
  /// @param pid its process id on this machine
  public record WorkerInfo(String id, long pid) {}
}
