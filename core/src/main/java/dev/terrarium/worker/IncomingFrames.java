package dev.terrarium.worker;

import dev.terrarium.call.Exchange;
import dev.terrarium.call.StopReason;
import dev.terrarium.process.ScarceException;
import dev.terrarium.wire.Connection;
import dev.terrarium.wire.Frame;
import dev.terrarium.wire.FrameHandler;
import dev.terrarium.wire.FrameType;
import dev.terrarium.wire.Messages;
import dev.terrarium.wire.ProtocolException;
import dev.terrarium.wire.Received;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What a worker says over its connection. On the loop's thread.
final class WorkerWire implements FrameHandler {
  private final Worker worker;
  private final String pool;
  private final CallsInFlight calls;
  private final LogLevels.Listener levels = this::tellLevels;

  WorkerWire(Worker worker, String pool, CallsInFlight calls) {
    this.worker = worker;
    this.pool = pool;
    this.calls = calls;
  }

  FrameHandler greeted(Connection connection, Frame frame) {
    Messages.Hello hello = Messages.hello(frame);
    Messages.Failure failure = hello.failure();
    if (failure == null) {
      worker.connected(connection, ToolInfos.of(hello.tools()), hello.capabilities());
    } else {
      worker.kill(startFailure(failure));
    }
    return this;
  }

  private static StopReason startFailure(Messages.Failure failure) {
    String type = failure.type().isEmpty() ? "" : failure.type() + ": ";
    String traceback = failure.traceback() == null ? "" : "\n" + failure.traceback().strip();
    return new StopReason.StartFailed(failure.reason(), type + failure.message() + traceback, "");
  }

  @Override
  public void onFrame(Frame frame) {
    worker.heard();
    if (frame.type() == FrameType.RESULT) { // first: it is what nearly all frames are
      succeeded(frame);
      return;
    }
    switch (frame.type()) {
      case ERROR -> failed(frame.id(), Messages.callError(frame));
      case STACKS -> stacks(frame);
      case LOG -> worker.log().record(pool, worker.id(), frame.id(), Messages.log(frame));
      case LOGGERS -> worker.log().announced(pool, levels, Messages.loggers(frame));
      case KEPT -> kept(frame.id());
      case PONG -> {}
      default -> throw new ProtocolException("a worker does not send " + frame.type());
    }
  }

  private void tellLevels(Map<String, Integer> changed) {
    worker.tell(new Messages.Levels(changed));
  }

  private void succeeded(Frame frame) {
    // Before the call ends here: a frame that lies costs its call what its worker costs it.
    Received received;
    try {
      received = Received.open(frame, worker.pid(), () -> worker.memoryTaken(frame.id()));
    } catch (ScarceException e) { // the worker has done its part
      Exchange call = worker.endCall(frame.id());
      if (call != null) {
        call.fail(() -> Received.unopened(e));
      }
      return;
    }
    Exchange call = worker.endCall(frame.id());
    if (call == null) {
      received.drop();
    } else {
      call.succeed(received);
    }
  }

  /// Its tool goes on reading the call's arguments after the call: they are never written again.
  private void kept(long callId) {
    Exchange call = calls.find(callId);
    if (call != null) {
      call.abandonLoan();
    }
  }

  private void stacks(Frame frame) {
    Exchange call = calls.find(frame.id());
    if (call != null) {
      call.deadlineStacks(Messages.stacks(frame).stacks());
    }
  }

  private void failed(long callId, Messages.CallError error) {
    Exchange call = worker.endCall(callId);
    if (call != null && error.kind() == Messages.ErrorKind.WITHDRAWN) {
      call.notBegun();
    } else if (call != null) {
      // In case it was a deadline and no stacks came.
      call.deadlineStacks(error.traceback() == null ? "" : error.traceback());
      call.fail(CallErrors.of(pool, call, error));
    }
  }

  @Override
  public void onClosed(@Nullable ProtocolException reason) {
    worker.log().gone(pool, levels);
    if (reason == null) {
      String why = "it closed its connection and lived on";
      worker.hungUp(new StopReason.Disconnected(why));
    } else {
      protocolError(reason);
    }
    worker.silent(reason == null || reason.isCut());
  }

  // Who dies in the middle of a frame has not done that on purpose: its death says how it was.
  private void protocolError(ProtocolException reason) {
    var end = new StopReason.BrokeProtocol("protocol error: " + reason.getMessage());
    worker.apply(reason.isCut() ? new WorkerEvent.StopAsked(end) : new WorkerEvent.KillAsked(end));
  }
}
