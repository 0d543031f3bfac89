package dev.terrarium.process;

import java.util.concurrent.atomic.AtomicLong;

/// Gives the processes of one pool their names, each once. To be kept for as long as the runtime is
/// open: when a pool has closed, what its processes left behind may still be being cleared, and a
/// new pool of that name must not use their names.
///
/// Safe for use by many threads.
public final class ProcessNames {
  private final String pool;
  private final AtomicLong workers = new AtomicLong();
  private final AtomicLong zygotes = new AtomicLong();

  public ProcessNames(String pool) {
    this.pool = pool;
  }

  public ProcessName nextWorker() {
    return ProcessName.worker(pool, workers.incrementAndGet());
  }

  public ProcessName nextZygote() {
    return ProcessName.zygote(pool, zygotes.incrementAndGet());
  }
}
