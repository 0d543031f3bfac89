package dev.terrarium.pool;

import java.util.function.LongSupplier;

/// A pool that takes no new calls, and lets those finish that it has. To be used by one thread.
public final class Draining {
  private final Scheduler scheduler;
  private final LongSupplier ended;
  private final LongSupplier inFlight;
  private final long refused;
  private long finished;
  private long cutOff;

  /// @param ended calls that workers have ended since it began
  /// @param inFlight calls that workers have
  Draining(Scheduler scheduler, LongSupplier ended, LongSupplier inFlight, long refused) {
    this.scheduler = scheduler;
    this.ended = ended;
    this.inFlight = inFlight;
    this.refused = refused;
  }

  /// Waits until no worker has a call, and none is to come. An interrupt ends that, and stays set.
  ///
  /// @param end for how long, of the nanosecond clock
  public void await(long end) {
    boolean calm = false;
    try {
      calm = scheduler.awaitCalm(end);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    cutOff = calm ? 0 : inFlight.getAsLong() + scheduler.waiting();
    finished = ended.getAsLong();
  }

  /// Calls that workers have ended meanwhile.
  public long finished() {
    return finished;
  }

  /// Calls that waited and were not to wait any more.
  public long refused() {
    return refused;
  }

  /// Calls that were still there when the time was up.
  public long cutOff() {
    return cutOff;
  }
}
