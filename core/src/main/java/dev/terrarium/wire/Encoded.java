package dev.terrarium.wire;

import java.nio.ByteBuffer;
import java.util.List;

/// A value in its form for the wire: JSON, and the bytes that it refers to.
///
/// @param attachments what travels in the frame: the bytes themselves, or a file's descriptor
/// @param loan the files; to be ended when the call has
@SuppressWarnings("ArrayRecordComponent") // no copy, and never compared
public record Encoded(byte[] json, List<ByteBuffer> attachments, Loan loan) {
  /// With another text.
  public Encoded with(byte[] other) {
    return new Encoded(other, attachments, loan);
  }

  /// With all bytes in the frame: for a worker that takes no memory files.
  public Encoded unpacked() {
    return loan.isEmpty() ? this : new Encoded(json, loan.unpacked(attachments), Loan.NONE);
  }
}
