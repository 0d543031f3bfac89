package dev.terrarium.pool;

import dev.terrarium.call.Outcome;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// The items that a batch owes its consumer, in the order in which he is to get them. Guarded by
/// the batch's lock.
final class Window {
  private final boolean ordered;

  /// In order: all of them. Otherwise those that are over.
  private final Deque<Item> next = new ArrayDeque<>();

  private int size;
  private boolean stopped;

  /// What has an index from here on is not begun any more.
  private long failedAt = Long.MAX_VALUE;

  Window(boolean ordered) {
    this.ordered = ordered;
  }

  void add(List<Item> more) {
    size += more.size();
    if (ordered) {
      next.addAll(more);
    }
  }

  /// How many the consumer does not have yet.
  int size() {
    return size;
  }

  boolean isDeliverable() {
    Item first = next.peekFirst();
    return !stopped && first != null && first.outcome() != null;
  }

  /// The next one, where it is deliverable.
  Item remove() {
    size--;
    return next.removeFirst();
  }

  /// An item has ended.
  ///
  /// @return whether anybody may get it
  boolean over(Item item, Outcome outcome) {
    if (stopped) {
      return false;
    }
    item.ended(outcome);
    boolean failed = outcome instanceof Outcome.Failure;
    if (failed) {
      failedAt = Math.min(failedAt, ordered ? item.index() : -1);
    }
    if (!ordered && failed) {
      next.addFirst(item); // the consumer is to hear of it before he goes on
    } else if (!ordered) {
      next.addLast(item);
    }
    return true;
  }

  boolean hasFailed() {
    return failedAt != Long.MAX_VALUE;
  }

  /// Whether the consumer may get to it: what comes after a failure is not wanted any more.
  boolean mayBegin(@Nullable Item item) {
    return !stopped && item != null && item.index() < failedAt;
  }

  /// Nothing is delivered any more: what ends now ends because of that, and is no item's failure.
  ///
  /// @return the outcomes that nobody will get
  List<Outcome> stop() {
    stopped = true;
    List<Outcome> undelivered = next.stream().map(Item::outcome).filter(Objects::nonNull).toList();
    next.clear();
    return undelivered;
  }
}
