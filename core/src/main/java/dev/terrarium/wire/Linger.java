package dev.terrarium.wire;

import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// Whether the loop waits awake for the next frame, or sleeps.
///
/// A thread that sleeps in `select` lets its processor sleep as well, and to wake both takes longer
/// than a small call. So where frames of one connection follow each other closely, which is what
/// one call after another sounds like, the loop waits awake for the next one. Several connections
/// in turn keep it busy anyway, and a loop that waits awake would take a processor from their
/// workers, as it would where there is only one. For one thread; decision 004 has the figures.
final class Linger {
  /// The longest wait, and the longest time between two frames of which the first was worth one:
  /// about twice a call with a few fields, all its waking included.
  static final long MAX_NANOS = TimeUnit.MICROSECONDS.toNanos(200);

  private final boolean oneProcessor;
  private @Nullable Object last;
  private long heardAt;
  private boolean worthIt;

  Linger(int processors) {
    this.oneProcessor = processors == 1;
  }

  /// `who` has something to read.
  void heard(Object who, long now) {
    worthIt = !oneProcessor && who.equals(last) && now - heardAt < MAX_NANOS;
    last = who;
    heardAt = now;
  }

  boolean isAwake(long now) {
    return worthIt && now - heardAt < MAX_NANOS;
  }
}
