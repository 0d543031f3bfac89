package dev.terrarium.pool;

import java.time.Duration;

/// How fast a batch's items go, lately, and so how many of them are sent ahead. Guarded by the
/// batch's lock.
final class PipelineDepth {
  /// How many items may be on one worker at the same time.
  static final int DEPTH_MAX = 32;

  /// How much work a pipeline should hold, for a worker that is not to wait for its next item.
  static final Duration PIPELINE_WORK = Duration.ofMillis(2);

  private final int depthMax;

  /// How long an item takes, lately; 0 before that is known.
  private long itemNanos;

  /// @param inOrder whether a worker runs its items one after the other
  PipelineDepth(boolean inOrder) {
    depthMax = inOrder ? DEPTH_MAX : 1;
  }

  void took(long nanos) {
    itemNanos = itemNanos == 0 ? nanos : (3 * itemNanos + nanos) / 4;
  }

  int depth() {
    return itemNanos == 0 ? 1 : Math.clamp(PIPELINE_WORK.toNanos() / itemNanos, 1, depthMax);
  }
}
