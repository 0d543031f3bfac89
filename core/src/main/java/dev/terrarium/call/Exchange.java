package dev.terrarium.call;

import dev.terrarium.TerrariumException;
import dev.terrarium.wire.Encoded;
import dev.terrarium.wire.Messages.CancelReason;
import dev.terrarium.wire.Received;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// One call on its way. Its outcome is set exactly once, by whoever comes first: the worker's
/// answer, the deadline, the caller who gives up, the death of the worker, the end of the pool.
///
/// Kinds of calls differ in how long they may take, and in what is free again when their worker
/// does not have them any more: each is a subclass, which knows. Threads: any.
public abstract class Exchange {
  private static final AtomicLong IDS = new AtomicLong();

  private final long id = IDS.incrementAndGet();
  private final String tool;
  private final Encoded envelope;
  private final CompletableFuture<Outcome> outcome = new CompletableFuture<>();
  private volatile @Nullable PooledWorker worker;
  private volatile @Nullable Function<String, TerrariumException> deadlineError;
  private volatile boolean sent;
  private volatile long order;
  private volatile @Nullable CancelReason interruption;

  /// @param envelope the CALL's envelope without its deadline
  protected Exchange(String tool, Encoded envelope) {
    this.tool = tool;
    this.envelope = envelope;
    if (!envelope.loan().isEmpty()) {
      var _ = outcome.thenRun(this::endLoanUnlessGiven);
    }
  }

  /// How long it may take, in milliseconds: from its turn on where it [#isSentAhead()], else from
  /// now on, since it may have waited for its worker.
  public abstract long millisAllowed();

  /// Whether it is sent before its turn has come. Then it may be taken back, and ends as
  /// [Outcome.NotBegun].
  public abstract boolean isSentAhead();

  /// Its worker does not have it any more, and is there for others: gives back the slot, unless
  /// other calls still use it. Called once for each time that a worker has taken the call, without
  /// any lock; must not block.
  public abstract void released();

  /// Its worker is gone, and the slot with it.
  ///
  /// @param begun whether the worker may have begun it
  public void lost(boolean begun, Supplier<TerrariumException> error) {
    abandonLoan();
    fail(error);
  }

  /// Unique in this JVM.
  public long id() {
    return id;
  }

  public String tool() {
    return tool;
  }

  public Encoded envelope() {
    return envelope;
  }

  /// Its place among all that was sent to its worker; 0 before.
  public long order() {
    return order;
  }

  /// It is about to be sent, as the n-th call of its worker.
  public void ordered(long number) {
    order = number;
  }

  /// Completes with the one outcome, never exceptionally.
  public CompletableFuture<Outcome> outcome() {
    return outcome;
  }

  /// Runs a quick task when the outcome is there, on whichever thread sets it.
  public void whenDone(Runnable task) {
    var _ = outcome.thenRun(task);
  }

  public boolean isDone() {
    return outcome.isDone();
  }

  /// The worker that has it, or had it last; null before one has.
  public @Nullable PooledWorker worker() {
    return worker;
  }

  /// A worker has taken it.
  public void givenTo(PooledWorker chosen) {
    worker = chosen;
  }

  // A worker that has it reads its memory files until it has ended the call, whatever became of
  // the caller; then it is the worker that ends the loan. `Worker.submit` looks at the outcome
  // after it has made itself known here, so that one of the two does.
  private void endLoanUnlessGiven() {
    if (worker == null) {
      envelope.loan().end();
    }
  }

  /// The worker reads the arguments' memory no more.
  public void endLoan() {
    envelope.loan().end();
  }

  /// The worker is gone, and perhaps somebody whom it forked is not.
  public void abandonLoan() {
    envelope.loan().abandon();
  }

  /// Its frame is on its way.
  ///
  /// @return why it is to be interrupted, where somebody asked for that before: a CANCEL that
  ///   overtakes its CALL is ignored over there
  public @Nullable CancelReason sent() {
    sent = true;
    return interruption;
  }

  /// It is to be interrupted.
  ///
  /// @return whether a CANCEL can be sent; otherwise whoever sends the call sees to it. Where both
  ///   do, the second one is ignored over there
  public boolean interrupted(CancelReason reason) {
    interruption = reason;
    return sent;
  }

  /// The deadline has passed: the outcome will be this error as soon as the stacks are known.
  public void failDeadline(Function<String, TerrariumException> error) {
    deadlineError = error;
  }

  /// The stacks for [#failDeadline]; the first ones count, empty where nobody could say them.
  public void deadlineStacks(String stacks) {
    Function<String, TerrariumException> error = deadlineError;
    if (error != null) {
      fail(() -> error.apply(stacks));
    }
  }

  /// Its result has come.
  public void succeed(Received received) {
    if (!end(new Outcome.Value(received))) {
      received.drop();
    }
  }

  /// It was not begun and never will be.
  public void notBegun() {
    end(new Outcome.NotBegun());
  }

  /// Ends the call with an error, unless it has ended already.
  ///
  /// @return whether this was the outcome
  public boolean fail(Supplier<TerrariumException> error) {
    return end(new Outcome.Failure(error));
  }

  private boolean end(Outcome how) {
    boolean first =
        outcome.complete(how); // which wakes the caller; the rest need not be waited for
    if (first) {
      settled();
    }
    return first;
  }

  /// It has its outcome: nobody need watch over it any more. Quick, on whichever thread set it.
  protected void settled() {}
}
