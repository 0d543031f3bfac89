package dev.terrarium.worker;

import dev.terrarium.call.Exchange;
import dev.terrarium.wire.Encoded;
import dev.terrarium.wire.FrameType;
import dev.terrarium.wire.OutgoingFrame;
import java.nio.charset.StandardCharsets;

/// Calls as frames. A call's envelope is JSON that its caller has made; what is left of its
/// deadline is known only when it is sent, and is put in front.
final class CallFrames {
  private static final byte[] TURN = "{\"turn\":".getBytes(StandardCharsets.US_ASCII);
  private static final byte[] DEADLINE = "{\"deadline\":".getBytes(StandardCharsets.US_ASCII);

  private CallFrames() {}

  /// @param pipelining whether the worker knows calls that are sent ahead of their turn
  /// @param memory whether the worker opens memory files
  static OutgoingFrame of(Exchange call, boolean pipelining, boolean memory) {
    Encoded envelope = memory ? call.envelope() : call.envelope().unpacked();
    byte[] start = call.isSentAhead() && pipelining ? TURN : DEADLINE;
    byte[] digits = Long.toString(call.millisAllowed()).getBytes(StandardCharsets.US_ASCII);
    byte[] rest = envelope.json();
    byte[] whole = new byte[start.length + digits.length + rest.length];
    System.arraycopy(start, 0, whole, 0, start.length);
    System.arraycopy(digits, 0, whole, start.length, digits.length);
    System.arraycopy(rest, 0, whole, start.length + digits.length, rest.length);
    whole[start.length + digits.length] = ','; // in the place of the brace that opened the rest
    return OutgoingFrame.of(FrameType.CALL, call.id(), envelope.with(whole));
  }
}
