package dev.terrarium.call;

import dev.terrarium.StartFailedException;

/// Why a worker ends. The first reason stays: what follows (a SIGKILL, an EOF) is its consequence.
public sealed interface StopReason {
  /// For messages; may be empty.
  String detail();

  /// Its pool closes: whoever has a call there hears that.
  record PoolClosed(String detail) implements StopReason {}

  /// Its pool does not need it any more, and goes on.
  record Retired(String detail) implements StopReason {}

  /// It never became ready.
  ///
  /// @param stacks of Python at that moment, where it took too long and they are known; else empty
  record StartFailed(StartFailedException.Reason reason, String detail, String stacks)
      implements StopReason {}

  /// It never existed: the zygote that was to fork it was gone. Another is to take its place.
  record NotForked(String detail) implements StopReason {}

  /// A cancelled call did not end, or it said nothing for too long.
  record Unresponsive(String detail) implements StopReason {}

  /// It broke the wire's protocol.
  record BrokeProtocol(String detail) implements StopReason {}

  /// Its connection closed while it was alive.
  record Disconnected(String detail) implements StopReason {}

  /// It ended without being asked.
  record Crashed(String detail) implements StopReason {}
}
