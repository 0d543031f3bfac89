package dev.terrarium.worker;

import dev.terrarium.PoolConfig;
import dev.terrarium.call.ChannelListener;
import dev.terrarium.call.PooledWorker;
import dev.terrarium.call.StopReason;
import dev.terrarium.call.Transport;
import dev.terrarium.warden.Gate;
import dev.terrarium.wire.Connection;
import dev.terrarium.wire.Frame;
import dev.terrarium.wire.FrameHandler;
import dev.terrarium.wire.Messages;

/// Calls as frames over a Unix socket that the worker dials: see `docs/protocol.md`.
public final class FrameTransport implements Transport {
  private final PoolConfig config;
  private final Facilities facilities;

  public FrameTransport(PoolConfig config, Facilities facilities) {
    this.config = config;
    this.facilities = facilities;
  }

  @Override
  public Expected expect(PooledWorker worker, ChannelListener listener) {
    Gate gate = facilities.gate();
    return new Admitted(
        gate, gate.admit((connection, hello) -> greeted(worker, listener, connection, hello)));
  }

  private FrameHandler greeted(
      PooledWorker worker, ChannelListener listener, Connection connection, Frame frame) {
    Messages.Hello hello = Messages.hello(frame);
    var channel = new FrameChannel(worker, config, facilities, connection, hello, listener);
    Messages.Failure failure = hello.failure();
    if (failure == null) {
      listener.opened(channel);
    } else {
      listener.failed(startFailure(failure));
    }
    return new IncomingFrames(channel, worker, config.name(), facilities.log(), listener);
  }

  private static StopReason.StartFailed startFailure(Messages.Failure failure) {
    String type = failure.type().isEmpty() ? "" : failure.type() + ": ";
    String traceback = failure.traceback() == null ? "" : "\n" + failure.traceback().strip();
    return new StopReason.StartFailed(failure.reason(), type + failure.message() + traceback, "");
  }

  private record Admitted(Gate gate, String token) implements Expected {
    @Override
    public void dismiss() {
      gate.dismiss(token);
    }

    @Override
    public void revoke() {
      gate.revoke(token);
    }

    @Override
    public String toString() {
      return "Expected"; // the token is a secret
    }
  }
}
