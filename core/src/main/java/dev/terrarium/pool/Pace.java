package dev.terrarium.pool;

import java.time.Duration;

/// How fast a batch's items go, lately, and so how many of them make a row. Guarded by the batch's
/// lock.
final class Pace {
  /// How many items may be on one worker at the same time.
  static final int ROW_MAX = 32;

  /// How much work a row should be, for a worker that is not to wait for its next item.
  static final Duration ROW_WORK = Duration.ofMillis(2);

  private final int rowMax;

  /// How long an item takes, lately; 0 before that is known.
  private long itemNanos;

  /// @param inOrder whether a worker runs its items one after the other
  Pace(boolean inOrder) {
    rowMax = inOrder ? ROW_MAX : 1;
  }

  void took(long nanos) {
    itemNanos = itemNanos == 0 ? nanos : (3 * itemNanos + nanos) / 4;
  }

  int rowLength() {
    return itemNanos == 0 ? 1 : Math.clamp(ROW_WORK.toNanos() / itemNanos, 1, rowMax);
  }
}
