package dev.terrarium.worker;

import dev.terrarium.call.ChannelListener;
import dev.terrarium.call.Exchange;
import dev.terrarium.call.PooledWorker;
import dev.terrarium.call.StopReason;
import dev.terrarium.process.ScarceException;
import dev.terrarium.wire.Frame;
import dev.terrarium.wire.FrameHandler;
import dev.terrarium.wire.FrameType;
import dev.terrarium.wire.Messages;
import dev.terrarium.wire.ProtocolException;
import dev.terrarium.wire.Received;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What a worker says over its connection. On the loop's thread.
final class IncomingFrames implements FrameHandler {
  private final FrameChannel channel;
  private final PooledWorker worker;
  private final String pool;
  private final WorkerLog log;
  private final ChannelListener listener;
  private final LogLevels.Listener levels = this::tellLevels;

  IncomingFrames(
      FrameChannel channel,
      PooledWorker worker,
      String pool,
      WorkerLog log,
      ChannelListener listener) {
    this.channel = channel;
    this.worker = worker;
    this.pool = pool;
    this.log = log;
    this.listener = listener;
  }

  @Override
  public void onFrame(Frame frame) {
    channel.heard();
    if (frame.type() == FrameType.RESULT) { // first: it is what nearly all frames are
      succeeded(frame);
      return;
    }
    switch (frame.type()) {
      case ERROR -> failed(frame.id(), Messages.callError(frame));
      case STACKS -> stacks(frame);
      case LOG -> log.record(pool, worker.id(), frame.id(), Messages.log(frame));
      case LOGGERS -> log.announced(pool, levels, Messages.loggers(frame));
      case KEPT -> kept(frame.id());
      case PONG -> {}
      default -> throw new ProtocolException("a worker does not send " + frame.type());
    }
  }

  private void tellLevels(Map<String, Integer> changed) {
    channel.send(0, new Messages.Levels(changed));
  }

  private void succeeded(Frame frame) {
    // Before the call ends here: a frame that lies costs its call what its worker costs it.
    Received received;
    try {
      received = Received.open(frame, worker.pid(), () -> channel.memoryTaken(frame.id()));
    } catch (ScarceException e) { // the worker has done its part
      Exchange call = channel.end(frame.id());
      if (call != null) {
        call.fail(() -> Received.unopened(e));
      }
      return;
    }
    Exchange call = channel.end(frame.id());
    if (call == null) {
      received.drop();
    } else {
      call.succeed(received);
    }
  }

  /// Its tool goes on reading the call's arguments after the call: they are never written again.
  private void kept(long callId) {
    Exchange call = channel.find(callId);
    if (call != null) {
      call.abandonLoan();
    }
  }

  private void stacks(Frame frame) {
    Exchange call = channel.find(frame.id());
    if (call != null) {
      call.deadlineStacks(Messages.stacks(frame).stacks());
    }
  }

  private void failed(long callId, Messages.CallError error) {
    Exchange call = channel.end(callId);
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
    log.gone(pool, levels);
    if (reason == null) {
      listener.hungUp(new StopReason.Disconnected("it closed its connection and lived on"));
    } else {
      var broke = new StopReason.BrokeProtocol("protocol error: " + reason.getMessage());
      // A worker that dies in the middle of a frame has not done that on purpose: its death says
      // how
      // it was.
      if (reason.isCut()) {
        listener.hungUp(broke);
      } else {
        listener.broke(broke);
      }
    }
    if (reason == null || reason.isCut()) {
      channel.readToEnd();
    }
    listener.silent();
  }
}
