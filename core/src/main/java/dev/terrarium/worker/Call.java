package dev.terrarium.worker;

import dev.terrarium.TerrariumException;
import dev.terrarium.base.Clock;
import dev.terrarium.base.Durations;
import dev.terrarium.wire.Encoded;
import dev.terrarium.wire.FrameType;
import dev.terrarium.wire.Messages.CancelReason;
import dev.terrarium.wire.OutgoingFrame;
import dev.terrarium.wire.Received;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// One call on its way. Its outcome is set exactly once, by whoever comes first: the worker's
/// answer, the deadline, the caller who gives up, the death of the worker, the end of the pool.
public final class Call {
  /// How a call ended. A failure is made on the caller's thread, so that the stack trace is his.
  public sealed interface Outcome {
    /// The tool's result, not decoded yet; whoever has it decodes or drops it.
    record Value(Received received) implements Outcome {}

    /// The error to throw.
    record Failure(Supplier<TerrariumException> error) implements Outcome {}

    /// The worker has not begun it and never will: it may go to another. Only for calls of a [Row].
    record NotBegun() implements Outcome {}
  }

  /// Calls that are sent to a worker ahead of their turn; a row has one place on its worker,
  /// however many calls it has there.
  public interface Row {
    /// The worker does not have this call any more; its outcome follows, if it is not there. Called
    /// without any lock; must not block.
    void over(Call call);
  }

  private static final byte[] TURN = "{\"turn\":".getBytes(StandardCharsets.US_ASCII);
  private static final byte[] DEADLINE = "{\"deadline\":".getBytes(StandardCharsets.US_ASCII);

  private final long id;
  private final String tool;
  private final Encoded envelope;
  private final long deadlineNanos;
  private final long turnMillis;
  private final @Nullable Row row;
  private final CompletableFuture<Outcome> outcome = new CompletableFuture<>();
  private volatile Clock.@Nullable Alarm alarm;
  private volatile @Nullable Worker worker;
  private volatile @Nullable Function<String, TerrariumException> deadlineError;
  private volatile boolean sent;
  private volatile long order;
  private volatile @Nullable CancelReason interruption;

  /// @param envelope the CALL's envelope without its deadline
  /// @param deadline from now on
  public Call(long id, String tool, Encoded envelope, Duration deadline) {
    this(id, tool, envelope, System.nanoTime() + Durations.nanos(deadline), 0, null);
  }

  /// A call of a row.
  ///
  /// @param deadline from its turn on; the row watches it
  public Call(long id, String tool, Encoded envelope, Duration deadline, Row row) {
    this(id, tool, envelope, 0, Math.max(1, Durations.millis(deadline)), row);
  }

  private Call(
      long id,
      String tool,
      Encoded envelope,
      long deadlineNanos,
      long turnMillis,
      @Nullable Row row) {
    this.id = id;
    this.tool = tool;
    this.envelope = envelope;
    this.deadlineNanos = deadlineNanos;
    this.turnMillis = turnMillis;
    this.row = row;
    if (!envelope.loan().isEmpty()) {
      whenDone(this::endLoanUnlessGiven);
    }
  }

  public long id() {
    return id;
  }

  public String tool() {
    return tool;
  }

  /// The frame, with what is left of the deadline at this moment: a call may have waited for its
  /// worker.
  ///
  /// @param takesRows whether the worker knows rows
  /// @param takesMemory whether the worker opens memory files
  OutgoingFrame frame(boolean takesRows, boolean takesMemory) {
    Encoded envelope = takesMemory ? this.envelope : this.envelope.unpacked();
    byte[] start = row != null && takesRows ? TURN : DEADLINE;
    byte[] digits = Long.toString(millisAllowed()).getBytes(StandardCharsets.US_ASCII);
    byte[] rest = envelope.json();
    byte[] whole = new byte[start.length + digits.length + rest.length];
    System.arraycopy(start, 0, whole, 0, start.length);
    System.arraycopy(digits, 0, whole, start.length, digits.length);
    System.arraycopy(rest, 0, whole, start.length + digits.length, rest.length);
    whole[start.length + digits.length] = ','; // in the place of the brace that opened the rest
    return OutgoingFrame.of(FrameType.CALL, id, envelope.with(whole));
  }

  private long millisAllowed() {
    return row == null ? Math.max(0, (deadlineNanos - System.nanoTime()) / 1_000_000) : turnMillis;
  }

  /// The row that it belongs to, if any.
  public @Nullable Row row() {
    return row;
  }

  /// Its place among all that was sent to its worker; 0 before.
  long order() {
    return order;
  }

  void ordered(long number) {
    order = number;
  }

  /// Completes with the one outcome, never exceptionally.
  public CompletableFuture<Outcome> outcome() {
    return outcome;
  }

  /// Calls `deadline` off when the outcome is there.
  public void alarm(Clock.Alarm deadline) {
    alarm = deadline;
    if (isDone()) {
      deadline.cancel();
    }
  }

  /// Runs a quick task when the outcome is there, on whichever thread sets it.
  public void whenDone(Runnable task) {
    var _ = outcome.thenRun(task);
  }

  public boolean isDone() {
    return outcome.isDone();
  }

  @Nullable Worker worker() {
    return worker;
  }

  void givenTo(Worker chosen) {
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
  void endLoan() {
    envelope.loan().end();
  }

  /// The worker is gone, and perhaps somebody whom it forked is not.
  void abandonLoan() {
    envelope.loan().abandon();
  }

  /// Its frame is on its way.
  ///
  /// @return why it is to be interrupted, where somebody asked for that before: a CANCEL that
  ///   overtakes its CALL is ignored over there
  @Nullable CancelReason sent() {
    sent = true;
    return interruption;
  }

  /// It is to be interrupted.
  ///
  /// @return whether a CANCEL can be sent; otherwise whoever sends the call sees to it. Where both
  ///   do, the second one is ignored over there
  boolean interrupted(CancelReason reason) {
    interruption = reason;
    return sent;
  }

  /// The deadline has passed: the outcome will be this error as soon as the stacks are known.
  void failDeadline(Function<String, TerrariumException> error) {
    deadlineError = error;
  }

  /// The stacks for [#failDeadline]; the first ones count, empty where nobody could say them.
  void deadlineStacks(String stacks) {
    Function<String, TerrariumException> error = deadlineError;
    if (error != null) {
      fail(() -> error.apply(stacks));
    }
  }

  void succeed(Received received) {
    if (!end(new Outcome.Value(received))) {
      received.drop();
    }
  }

  /// It was not begun and never will be.
  void notBegun() {
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
    Clock.Alarm deadline = alarm;
    if (first && deadline != null) {
      deadline.cancel();
    }
    return first;
  }
}
