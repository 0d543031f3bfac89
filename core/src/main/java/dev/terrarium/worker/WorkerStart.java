package dev.terrarium.worker;

import dev.terrarium.PoolConfig;
import dev.terrarium.StartFailedException.Reason;
import dev.terrarium.base.Clock;
import dev.terrarium.base.DurationFormat;
import dev.terrarium.call.StopReason;
import dev.terrarium.warden.WorkerProcess;
import dev.terrarium.wire.Messages;
import org.jspecify.annotations.Nullable;

/// How long a worker may take to be ready, and what is said of one that takes longer.
final class WorkerStart {
  /// The worker that starts.
  interface Subject {
    /// Whether it waits for its process.
    boolean isReserved();

    /// Whether it has a process, and is not ready.
    boolean isStarting();

    long pid();

    void giveUp(StopReason.StartFailed why);
  }

  private final long number;
  private final PoolConfig config;
  private final Facilities facilities;
  private final Zygote zygote;
  private final Subject subject;
  private volatile Clock.@Nullable Alarm limit;
  private volatile Clock.@Nullable Alarm fork;

  WorkerStart(
      long number, PoolConfig config, Facilities facilities, Zygote zygote, Subject subject) {
    this.number = number;
    this.config = config;
    this.facilities = facilities;
    this.zygote = zygote;
    this.subject = subject;
  }

  /// Asks the warden for the process.
  void spawn(Messages.Spawn order, WorkerProcess reports) {
    limit = facilities.clock().after(config.startTimeout(), () -> tookTooLong(order.zygote()));
    if (order.zygote() != null) {
      awaitFork(order.zygote(), facilities.clock().nanos());
    }
    facilities.wardens().spawn(number, order, reports);
  }

  private void awaitFork(long zygoteNumber, long orderedAt) {
    fork =
        facilities
            .clock()
            .after(
                zygote.patience().dividedBy(4),
                () -> {
                  if (subject.isReserved()) {
                    zygote.waitedFor(zygoteNumber, orderedAt);
                    awaitFork(zygoteNumber, orderedAt);
                  }
                });
  }

  // What it was doing is asked first, for a moment: what is killed says nothing any more. One that
  // waits for its fork has no stacks; those of its zygote say why it waits.
  private void tookTooLong(@Nullable Long zygoteNumber) {
    if (!isUnderWay()) {
      return;
    }
    if (subject.isReserved() && zygoteNumber != null) {
      zygote.stacks(zygoteNumber, stacks -> giveUp(stacks, "its zygote"));
      zygote.stuck(zygoteNumber);
    } else {
      facilities.wardens().dump(number, text -> giveUp(Stacks.of(text, subject.pid()), "Python"));
    }
    // Should the warden have no answer.
    facilities
        .clock()
        .after(Stacks.WAIT, () -> giveUp(new Stacks("", "the warden has not answered"), "Python"));
  }

  private boolean isUnderWay() {
    return subject.isReserved() || subject.isStarting();
  }

  private void giveUp(Stacks stacks, String who) {
    if (isUnderWay()) {
      String longest = DurationFormat.of(config.startTimeout());
      subject.giveUp(
          new StopReason.StartFailed(
              Reason.TIMED_OUT,
              "not ready within %s; import less, or raise startTimeout; %s"
                  .formatted(longest, stacks.introduction(who)),
              stacks.text()));
    }
  }

  /// It has ended, one way or the other.
  void settle() {
    cancel(limit);
    cancel(fork);
  }

  private static void cancel(Clock.@Nullable Alarm alarm) {
    if (alarm != null) {
      alarm.cancel();
    }
  }
}
