package dev.terrarium.wire;

import org.jspecify.annotations.Nullable;

/// What happens with one connection's frames. Both methods are called on the loop's thread, in
/// order, and must not block: everybody else's frames wait behind them. An exception out of a
/// handler closes this connection and no other. Its `toString` names the connection in logs.
public interface FrameHandler {
  void onFrame(Frame frame);

  /// Called exactly once, after the last frame.
  ///
  /// @param reason what was wrong with the connection (also: it ended in the middle of a frame);
  ///   `null` when either side just closed it
  void onClosed(@Nullable ProtocolException reason);
}
