package dev.terrarium.call;

import dev.terrarium.TerrariumException;
import dev.terrarium.wire.Received;
import java.util.function.Supplier;

/// How a call ended. A failure is made on the caller's thread, so that the stack trace is the
/// caller's.
public sealed interface Outcome {
  /// The tool's result, not decoded yet; whoever has it decodes or drops it.
  record Value(Received received) implements Outcome {}

  /// The error to throw.
  record Failure(Supplier<TerrariumException> error) implements Outcome {}

  /// The worker has not begun the call and never will: it may go to another. Only for calls that
  /// were sent ahead of their turn.
  record NotBegun() implements Outcome {}
}
