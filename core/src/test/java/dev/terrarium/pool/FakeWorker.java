package dev.terrarium.pool;

import dev.terrarium.DeadlineExceededException;
import dev.terrarium.Exit;
import dev.terrarium.PoolStats;
import dev.terrarium.ToolInfo;
import dev.terrarium.WorkerDiedException;
import dev.terrarium.call.Exchange;
import dev.terrarium.call.PooledWorker;
import dev.terrarium.call.StopReason;
import dev.terrarium.call.WorkerEnd;
import dev.terrarium.call.WorkerListener;
import dev.terrarium.process.ScarceException;
import dev.terrarium.wire.Frame;
import dev.terrarium.wire.FrameType;
import dev.terrarium.wire.Messages.CancelReason;
import dev.terrarium.wire.ProtocolException;
import dev.terrarium.wire.Received;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiConsumer;

/// A worker without a process, that does what the test says and notes what it is told. Runs its
/// calls one after the other, as a worker with plain tools.
final class FakeWorker implements PooledWorker {
  /// Where it is in its life.
  enum State {
    NEW,
    STARTING,
    READY,
    STOPPING,
    GONE
  }

  final List<Exchange> calls = new ArrayList<>();
  final List<String> told = new ArrayList<>();
  private final String id;
  private final WorkerListener listener;
  State state = State.NEW;
  private long served;

  FakeWorker(String id, WorkerListener listener) {
    this.id = id;
    this.listener = listener;
  }

  // --- What the test says ---

  void becomeReady() {
    state = State.READY;
    listener.ready(this);
  }

  /// Answers the call whose turn it is.
  void answer() {
    Exchange call = calls.removeFirst();
    served++;
    listener.callEnded(this, call);
    call.succeed(nothing(call));
  }

  private static Received nothing(Exchange call) {
    try {
      var frame = new Frame(FrameType.RESULT, call.id(), new byte[0], List.of());
      return Received.open(frame, 0, () -> {});
    } catch (ScarceException e) {
      throw new AssertionError("there is no memory file in it", e);
    }
  }

  /// Gives back a call that it has not begun.
  void giveBack(Exchange call) {
    calls.remove(call);
    listener.callEnded(this, call);
    call.notBegun();
  }

  /// Python has ended a call as it was asked to.
  void endInterrupted(Exchange call) {
    calls.remove(call);
    served++;
    listener.callEnded(this, call);
    call.deadlineStacks("");
  }

  void die(StopReason reason) {
    state = State.GONE;
    var end = new WorkerEnd(reason, new Exit.Signal(9), "");
    listener.gone(this, end);
    List<Exchange> lost = List.copyOf(calls);
    calls.clear();
    for (int i = 0; i < lost.size(); i++) {
      Exchange call = lost.get(i);
      boolean begun = i == 0 || !call.isSentAhead();
      call.lost(
          begun, () -> new WorkerDiedException(id, call.tool(), end.exit(), reason.detail(), ""));
    }
  }

  // --- What the pool says ---

  @Override
  public void start() {
    state = State.STARTING;
  }

  @Override
  public boolean submit(List<? extends Exchange> more) {
    if (state != State.READY) {
      return false;
    }
    more.forEach(call -> call.givenTo(this));
    calls.addAll(more);
    return true;
  }

  @Override
  public void withdraw(List<? extends Exchange> several) {
    several.forEach(call -> told.add("withdraw " + call.id()));
  }

  @Override
  public void interrupt(Exchange call, CancelReason reason) {
    told.add("interrupt " + reason);
  }

  @Override
  public void deadlinePassed(Exchange call, Duration deadline) {
    told.add("deadline");
    call.failDeadline(stacks -> new DeadlineExceededException("too late on " + id, stacks));
  }

  @Override
  public WorkerDiedException brokeProtocol(Exchange call, ProtocolException why) {
    throw new AssertionError("a fake's results are never decoded", why);
  }

  @Override
  public void stop(StopReason why) {
    told.add("stop " + why.getClass().getSimpleName());
    state = state == State.GONE ? state : State.STOPPING;
    listener.unavailable(this);
  }

  @Override
  public void abandon() {
    told.add("abandon");
  }

  @Override
  public void endIfStuck(BiConsumer<PooledWorker, String> reported) {}

  @Override
  public void mend() {}

  @Override
  public String id() {
    return id;
  }

  @Override
  public long pid() {
    return 0;
  }

  @Override
  public PoolStats.WorkerInfo info() {
    return new PoolStats.WorkerInfo(id, 0, Duration.ZERO, 0);
  }

  @Override
  public List<ToolInfo> tools() {
    return List.of();
  }

  @Override
  public boolean takesMemory() {
    return true;
  }

  @Override
  public boolean supportsPipelining() {
    return true;
  }

  @Override
  public boolean isReady() {
    return state == State.READY;
  }

  @Override
  public boolean isGone() {
    return state == State.GONE;
  }

  @Override
  public long callsInFlight() {
    return calls.stream().filter(call -> !call.isDone()).count();
  }

  @Override
  public long served() {
    return served;
  }

  @Override
  public String toString() {
    return id;
  }
}
