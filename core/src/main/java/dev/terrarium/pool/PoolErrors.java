package dev.terrarium.pool;

import dev.terrarium.CallCancelledException;
import dev.terrarium.DeadlineExceededException;
import dev.terrarium.PoolClosedException;
import dev.terrarium.PoolConfig;
import dev.terrarium.PoolSaturatedException;
import dev.terrarium.StartFailedException;
import dev.terrarium.StartFailedException.Reason;
import dev.terrarium.base.DurationFormat;
import dev.terrarium.call.Exchange;
import dev.terrarium.call.PooledWorker;
import dev.terrarium.call.StopReason;
import java.time.Duration;

/// What a pool says when it says no: what happened, the numbers of that moment, the remedy.
final class PoolErrors {
  private final PoolConfig config;

  PoolErrors(PoolConfig config) {
    this.config = config;
  }

  PoolClosedException closed() {
    return new PoolClosedException("Pool '%s' is closed".formatted(config.name()));
  }

  PoolClosedException shuttingDown() {
    return new PoolClosedException(
        "Pool '%s' is shutting down and takes no new calls".formatted(config.name()));
  }

  PoolSaturatedException queueFull(String numbers, int queued) {
    return saturated("the queue is full", numbers, queued);
  }

  PoolSaturatedException waitedTooLong(String numbers, int queued) {
    return saturated(
        "no worker became free within " + DurationFormat.of(config.maxWait()), numbers, queued);
  }

  private PoolSaturatedException saturated(String what, String numbers, int queued) {
    return new PoolSaturatedException(
        "Pool '%s': %s (%s); raise size or shorten calls".formatted(config.name(), what, numbers),
        queued,
        config.maxWaiting());
  }

  DeadlineExceededException tooLateInTheQueue(Exchange call, Duration deadline, String numbers) {
    return new DeadlineExceededException(
        "Call of '%s' on pool '%s' exceeded its deadline of %s while it waited for a worker (%s); raise size or the deadline, or shorten calls"
            .formatted(call.tool(), config.name(), DurationFormat.of(deadline), numbers),
        "");
  }

  CallCancelledException cancelled(Exchange call, boolean queued) {
    return new CallCancelledException(
        "Call of '%s' on pool '%s' was cancelled by its caller%s"
            .formatted(call.tool(), config.name(), queued ? " while it waited for a worker" : ""));
  }

  StartFailedException startFailed(
      PooledWorker worker, StopReason.StartFailed failure, String stderr) {
    String stacks = failure.stacks();
    return new StartFailedException(
        failure.reason(),
        "Pool '%s': worker %s did not start: %s%s%s"
            .formatted(
                config.name(),
                worker.id(),
                failure.detail(),
                stacks.isEmpty() ? "" : System.lineSeparator() + stacks,
                stderr.isEmpty() ? "" : "%nthe end of its stderr:%n%s".formatted(stderr)),
        stacks,
        null);
  }

  StartFailedException closedWhileStarting() {
    return new StartFailedException(
        Reason.CANCELLED, "Pool '%s' was closed while it started".formatted(config.name()));
  }

  StartFailedException noWorkers(StartFailedException last, int failures) {
    return new StartFailedException(
        last.reason(),
        "Pool '%s' has no worker, and the last %d did not start; the latest: %s"
            .formatted(config.name(), failures, last.getMessage()),
        last.pythonStacks(),
        last);
  }
}
