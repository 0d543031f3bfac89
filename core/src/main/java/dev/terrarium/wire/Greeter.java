package dev.terrarium.wire;

/// Decides who a new connection is, by its first frame.
@FunctionalInterface
public interface Greeter {
  /// Called on the loop's thread with a `HELLO`, `WARDEN_HELLO` or `CONTROL`; must not block. Which
  /// of these, and with what token, is the greeter's to check. Frames that follow go to the handler
  /// returned.
  FrameHandler greet(Connection connection, Frame hello) throws RefusedException;
}
