package dev.terrarium.pool;

import dev.terrarium.PoolConfig;
import dev.terrarium.base.Count;
import dev.terrarium.base.DurationFormat;
import dev.terrarium.base.Durations;
import dev.terrarium.base.Log;
import dev.terrarium.base.Waits;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntSupplier;

/// The end of a pool's workers: how many had to be forced, and when the last one is gone.
/// Thread-safe.
final class PoolShutdown {
  /// Beyond the three steps of stopping: how long the warden may take to report.
  static final Duration CLOSE_MARGIN = Duration.ofSeconds(3);

  private static final Log LOG = Log.of(PoolShutdown.class);

  private final PoolConfig config;
  private final CompletableFuture<Void> emptied = new CompletableFuture<>();
  private final AtomicInteger forced = new AtomicInteger();

  PoolShutdown(PoolConfig config) {
    this.config = config;
  }

  /// The last worker is gone, or there is nobody any more who would say so.
  void emptied() {
    emptied.complete(null);
  }

  void forcedOne() {
    forced.incrementAndGet();
  }

  int forced() {
    return forced.get();
  }

  /// Waits for the last worker, but not for ever: the runtime kills what is left.
  ///
  /// @param left how many are there
  void await(IntSupplier left) {
    Duration limit = Durations.limited(config.grace()).multipliedBy(2).plus(CLOSE_MARGIN);
    if (!Waits.uninterruptibly(emptied, limit)) {
      LOG.warn(
          "Pool '{}': {} not gone after {}; the runtime kills what is left",
          config.name(),
          Count.of(left.getAsInt(), "worker is", "workers are"),
          DurationFormat.of(limit));
    }
  }
}
