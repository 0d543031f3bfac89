package dev.terrarium.wire;

import static dev.terrarium.wire.Limits.ATTACHMENTS_MAX;
import static dev.terrarium.wire.Limits.ATTACHMENT_BYTES_MAX;
import static dev.terrarium.wire.Limits.FRAME_BYTES_MAX;
import static dev.terrarium.wire.Limits.HEADER_BYTES;
import static dev.terrarium.wire.Limits.IN_MEMORY;
import static dev.terrarium.wire.Limits.SLICE_BYTES;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/// A frame on its way out, good for one [Connection#send]: header, table and envelope in one
/// buffer, then the attachments as they were given, not copied. An attachment must not be changed
/// or freed before the frame has left.
public final class OutgoingFrame {
  /// A larger envelope gets a buffer of its own: from there on copying costs more than one entry
  /// more in a gathering write.
  private static final int ENVELOPE_COPIED_MAX = 1 << 16;

  private final FrameType type;
  private final List<ByteBuffer> buffers;
  private final long bytes;

  private OutgoingFrame(FrameType type, List<ByteBuffer> buffers, long bytes) {
    this.type = type;
    this.buffers = buffers;
    this.bytes = bytes;
  }

  public static OutgoingFrame of(FrameType type, long id, byte[] envelope) {
    return of(type, id, envelope, List.of());
  }

  public static OutgoingFrame of(FrameType type, long id, Encoded value) {
    return of(type, id, value.json(), value.attachments(), value.loan());
  }

  public static OutgoingFrame of(
      FrameType type, long id, byte[] envelope, List<ByteBuffer> attachments) {
    return of(type, id, envelope, attachments, Loan.NONE);
  }

  /// @param loan says which attachments are in memory files
  private static OutgoingFrame of(
      FrameType type, long id, byte[] envelope, List<ByteBuffer> attachments, Loan loan) {
    long length = length(envelope, attachments);
    ByteBuffer head = head(type, id, (int) length, envelope, attachments, loan);
    if (attachments.isEmpty() && head.remaining() == HEADER_BYTES + length) {
      return new OutgoingFrame(type, List.of(head), head.remaining());
    }
    List<ByteBuffer> buffers = new ArrayList<>(2 + attachments.size());
    buffers.add(head);
    if (envelope.length > ENVELOPE_COPIED_MAX) {
      slice(ByteBuffer.wrap(envelope), buffers);
    }
    attachments.forEach(attachment -> slice(attachment, buffers));
    return new OutgoingFrame(type, buffers, HEADER_BYTES + length);
  }

  private static long length(byte[] envelope, List<ByteBuffer> attachments) {
    require(attachments.size(), ATTACHMENTS_MAX, "attachments");
    long length = envelope.length + (long) Integer.BYTES * attachments.size();
    for (ByteBuffer attachment : attachments) {
      require(attachment.remaining(), ATTACHMENT_BYTES_MAX, "bytes in an attachment");
      length += attachment.remaining();
    }
    require(length, FRAME_BYTES_MAX, "bytes in a frame");
    return length;
  }

  private static void require(long number, long max, String what) {
    if (number > max) {
      throw new IllegalArgumentException("%d %s, the limit is %d".formatted(number, what, max));
    }
  }

  private static ByteBuffer head(
      FrameType type,
      long id,
      int length,
      byte[] envelope,
      List<ByteBuffer> attachments,
      Loan loan) {
    int n = attachments.size();
    int copied = envelope.length > ENVELOPE_COPIED_MAX ? 0 : envelope.length;
    ByteBuffer head = ByteBuffer.allocate(HEADER_BYTES + Integer.BYTES * n + copied);
    head.putInt(length).put((byte) type.code()).put((byte) 0).putShort((short) n).putLong(id);
    for (int i = 0; i < n; i++) {
      int lent = loan.bytes(i);
      head.putInt(lent > 0 ? lent | IN_MEMORY : attachments.get(i).remaining());
    }
    return head.put(envelope, 0, copied).flip();
  }

  /// Adds `buffer` in pieces that a single system call may take; the buffer itself is not moved.
  private static void slice(ByteBuffer buffer, List<ByteBuffer> into) {
    for (int at = buffer.position(); at < buffer.limit(); at += SLICE_BYTES) {
      into.add(buffer.slice(at, Math.min(SLICE_BYTES, buffer.limit() - at)));
    }
  }

  public FrameType type() {
    return type;
  }

  /// What goes over the wire, in order, each at most `SLICE_BYTES` long (but for the table of very
  /// many attachments); writing moves their positions.
  public List<ByteBuffer> buffers() {
    return buffers;
  }

  /// The whole frame's size, its header included.
  public long bytes() {
    return bytes;
  }

  @Override
  public String toString() {
    return "%s (%,d bytes)".formatted(type, bytes);
  }
}
