package dev.terrarium.pool;

import static java.util.Objects.requireNonNull;

import dev.terrarium.call.Exchange;
import dev.terrarium.call.Outcome;
import dev.terrarium.wire.Encoded;
import org.jspecify.annotations.Nullable;

/// One item of a batch, from the source to the consumer. Changed under the batch's lock.
public final class Item {
  private final long index;
  private final @Nullable Object source;
  private final Encoded envelope;
  private volatile @Nullable Exchange call;
  private @Nullable Outcome outcome;
  private boolean counted;

  /// @param index in the source, from 0
  /// @param envelope the CALL's envelope without its deadline
  public Item(long index, @Nullable Object source, Encoded envelope) {
    this.index = index;
    this.source = source;
    this.envelope = envelope;
  }

  Encoded envelope() {
    return envelope;
  }

  public long index() {
    return index;
  }

  public @Nullable Object source() {
    return source;
  }

  /// Whether it has not reached a worker before; true once.
  boolean begunFirst() {
    boolean first = !counted;
    counted = true;
    return first;
  }

  /// The call that it travels in, or that ended it.
  public Exchange call() {
    return requireNonNull(call, "item " + index + " was not begun");
  }

  /// Whether it travels in this call; one that a worker did not take is none of its any more.
  boolean isIn(Exchange which) {
    return which.equals(call);
  }

  void goesIn(@Nullable Exchange which) {
    call = which;
  }

  /// How it ended, null before.
  @Nullable Outcome outcome() {
    return outcome;
  }

  void ended(Outcome how) {
    outcome = how;
  }
}
