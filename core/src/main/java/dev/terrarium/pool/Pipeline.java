package dev.terrarium.pool;

import dev.terrarium.base.Clock;
import dev.terrarium.call.Exchange;
import dev.terrarium.call.PooledWorker;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// A batch's slot on a worker: the items that were sent there ahead of their turn, whose turn it
/// is, and how long that may take. What follows from it is up to the batch. Guarded by the batch's
/// lock, but for [#over] and the alarm.
final class Pipeline {
  /// How long an item may keep those behind it from an idle worker.
  static final Duration STUCK = Duration.ofMillis(10);

  private final Batch batch;
  private final PooledWorker worker;
  private final Clock clock;
  private final long deadlineNanos;
  private final Deque<Item> items = new ArrayDeque<>();

  /// When the first item's turn came.
  private long turnNanos;

  /// How long the first item may keep the others before they are asked back.
  private long patienceNanos = STUCK.toNanos();

  /// Whose deadline has passed.
  private @Nullable Item late;

  private Clock.@Nullable Alarm alarm;
  private long alarmNanos;

  /// @param deadlineNanos of each item, from its turn on
  Pipeline(Batch batch, PooledWorker worker, Clock clock, long deadlineNanos) {
    this.batch = batch;
    this.worker = worker;
    this.clock = clock;
    this.deadlineNanos = deadlineNanos;
    this.turnNanos = clock.nanos();
  }

  PooledWorker worker() {
    return worker;
  }

  int size() {
    return items.size();
  }

  boolean isEmpty() {
    return items.isEmpty();
  }

  /// The last one first.
  List<Exchange> callsReversed() {
    return items.reversed().stream().map(Item::call).toList();
  }

  /// What the worker is about to get, as the last ones.
  void add(List<Item> more) {
    items.addAll(more);
    setAlarm();
  }

  /// The worker did not take them.
  void takeBack(List<Item> untaken) {
    items.removeAll(untaken);
  }

  /// The worker does not have this call any more; its outcome follows, if it is not there.
  void over(Exchange call) {
    batch.over(this, call);
  }

  /// The worker does not have this call any more.
  ///
  /// @return how long its turn was, in nanoseconds; 0 where it was not its turn
  long remove(Exchange call) {
    Item first = items.peekFirst();
    if (first == null || !first.isIn(call)) {
      items.removeIf(item -> item.isIn(call));
      return 0;
    }
    items.removeFirst();
    long now = clock.nanos();
    long took = Math.max(1, now - turnNanos);
    turnNanos = now;
    patienceNanos = STUCK.toNanos();
    return took;
  }

  /// The item whose turn has just lasted too long, if any.
  @Nullable Item newlyLate() {
    Item first = items.peekFirst();
    if (first == null || waitedNanos() < deadlineNanos || first.equals(late)) {
      return null;
    }
    late = first;
    return first;
  }

  /// The calls that have waited too long behind the first item, the last one first.
  ///
  /// @param wanted whether others could run them now; else they wait on
  List<Exchange> newlyStuck(boolean wanted) {
    long waited = waitedNanos();
    if (items.size() <= 1 || waited < patienceNanos) {
      return List.of();
    }
    if (!wanted) {
      patienceNanos = waited + STUCK.toNanos();
      return List.of();
    }
    patienceNanos = 2 * waited;
    return callsReversed().subList(0, items.size() - 1);
  }

  private long waitedNanos() {
    return clock.nanos() - turnNanos;
  }

  /// An alarm that is set may be too early, because turns have passed since: it is set again then.
  /// So it costs nothing for each item.
  void setAlarm() {
    Item first = items.peekFirst();
    if (first == null) {
      return;
    }
    long due = first.equals(late) ? Long.MAX_VALUE : turnNanos + deadlineNanos;
    if (items.size() > 1) {
      due = Math.min(due, turnNanos + patienceNanos);
    }
    if (due != Long.MAX_VALUE && (alarm == null || due < alarmNanos)) {
      cancelAlarm();
      alarmNanos = due;
      Duration delay = Duration.ofNanos(Math.max(0, due - clock.nanos()));
      alarm = clock.after(delay, () -> batch.look(this));
    }
  }

  void alarmRang() {
    alarm = null;
  }

  void cancelAlarm() {
    if (alarm != null) {
      alarm.cancel();
    }
  }
}
