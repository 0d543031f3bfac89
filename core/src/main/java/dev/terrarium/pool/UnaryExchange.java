package dev.terrarium.pool;

import dev.terrarium.TerrariumException;
import dev.terrarium.base.Clock;
import dev.terrarium.base.Durations;
import dev.terrarium.call.Exchange;
import dev.terrarium.call.PooledWorker;
import dev.terrarium.wire.Encoded;
import java.time.Duration;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// One call with one answer: wants a slot of its own, and has its deadline from the beginning.
public final class UnaryExchange extends Exchange implements SlotRequest {
  private final Scheduler scheduler;
  private final Clock clock;
  private final Duration deadline;
  private final long deadlineNanos;
  private volatile Clock.@Nullable Alarm alarm;

  /// @param envelope the CALL's envelope without its deadline
  /// @param deadline from now on
  UnaryExchange(
      String tool, Encoded envelope, Duration deadline, Scheduler scheduler, Clock clock) {
    super(tool, envelope);
    this.scheduler = scheduler;
    this.clock = clock;
    this.deadline = deadline;
    this.deadlineNanos = clock.nanos() + Durations.nanos(deadline);
  }

  Duration deadline() {
    return deadline;
  }

  @Override
  public long millisAllowed() {
    return Math.max(0, (deadlineNanos - clock.nanos()) / 1_000_000);
  }

  @Override
  public boolean isSentAhead() {
    return false;
  }

  /// Calls `deadline` off when the outcome is there.
  void alarm(Clock.Alarm deadline) {
    alarm = deadline;
    if (isDone()) {
      deadline.cancel();
    }
  }

  @Override
  protected void settled() {
    Clock.Alarm set = alarm;
    if (set != null) {
      set.cancel();
    }
  }

  @Override
  public void released() {
    PooledWorker worker = worker();
    if (worker != null) {
      scheduler.slotFree(worker);
    }
  }

  // --- As a request ---

  @Override
  public boolean counts() {
    return true;
  }

  @Override
  public void queued() {
    scheduler.limitWait(this);
  }

  @Override
  public boolean assigned(PooledWorker worker) {
    boolean taken = worker.submit(List.of(this));
    if (taken) {
      scheduler.count(1);
    }
    return taken;
  }

  @Override
  public void refuse(Supplier<TerrariumException> why) {
    boolean _ = fail(why);
  }
}
