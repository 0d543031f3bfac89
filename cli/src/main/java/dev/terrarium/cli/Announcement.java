package dev.terrarium.cli;

import dev.terrarium.Pool;
import dev.terrarium.PoolStats.WorkerInfo;
import dev.terrarium.base.Count;
import java.util.List;

/// That a pool is ready.
///
/// @param host pid of the JVM
public record Announcement(
    String run, long host, String pool, List<WorkerInfo> workers, long millis) {

  public static Announcement of(Pool pool, long millis) {
    return new Announcement(
        pool.runtime().runId(),
        ProcessHandle.current().pid(),
        pool.name(),
        pool.stats().workers(),
        millis);
  }

  /// For programs.
  public String json() {
    return Json.write(
        Json.object(
            "event", "ready",
            "run", run,
            "host", host,
            "pool", pool,
            "workers",
                workers.stream().map(w -> Json.object("id", w.id(), "pid", w.pid())).toList(),
            "ms", millis));
  }

  /// For people.
  String text() {
    return "pool '%s' is ready: %s in %.1f s (run %s, pid %d); Ctrl-C ends it"
        .formatted(
            pool, Count.grouped(workers.size(), "worker", "workers"), millis / 1000.0, run, host);
  }
}
