package dev.terrarium.wire;

import static dev.terrarium.wire.Limits.ATTACHMENT_BYTES_MAX;
import static dev.terrarium.wire.Limits.FRAME_BYTES_MAX;
import static dev.terrarium.wire.Limits.HEADER_BYTES;
import static dev.terrarium.wire.Limits.HELLO_BYTES_MAX;
import static dev.terrarium.wire.Limits.IN_MEMORY;
import static dev.terrarium.wire.Limits.SLICE_BYTES;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Consumer;

/// Makes frames of bytes, however the bytes are cut. Not thread-safe.
///
/// A frame is a sequence of **pieces**: header, table, envelope, attachments. Each is filled from
/// whatever arrives and, when full, decides what comes next. A piece is allocated as it fills:
/// first at most 256 KiB, then four times what has arrived, so that a header's claim of a gigabyte
/// costs its sender a quarter of a gigabyte before it costs us one, and an honest gigabyte is
/// copied a third of once.
///
/// After a [ProtocolException] a decoder is of no more use.
public final class FrameDecoder {
  private static final int FIRST_BYTES = SLICE_BYTES;
  private static final int GROWTH = 4;
  private static final byte[] NOTHING = {};
  private static final int[] NO_LENGTHS = {};

  private enum Stage {
    HEADER,
    TABLE,
    ENVELOPE,
    ATTACHMENT
  }

  private final byte[] headerBytes = new byte[HEADER_BYTES];
  private final ByteBuffer header = ByteBuffer.wrap(headerBytes);
  private Peer peer;
  private long lengthMax;

  private Stage stage = Stage.HEADER;
  private byte[] piece = headerBytes;
  private int filled;
  private int total = HEADER_BYTES;

  private FrameType type = FrameType.HELLO;

  /// Of what is in the frame.
  private int[] lengths = NO_LENGTHS;

  /// As in the table.
  private int[] table = NO_LENGTHS;

  private byte[] envelope = NOTHING;
  private List<byte[]> attachments = List.of();
  private List<Frame.Claim> claims = List.of();

  /// For a connection whose other end is `peer`.
  public FrameDecoder(Peer peer) {
    this.peer = peer;
    this.lengthMax = peer == Peer.STRANGER ? HELLO_BYTES_MAX : FRAME_BYTES_MAX;
  }

  /// The stranger is known now; may be called while its hello is being delivered.
  void introduce(Peer known) {
    peer = known;
    lengthMax = FRAME_BYTES_MAX;
  }

  /// Takes all of `bytes` and delivers each frame that they complete.
  ///
  /// @throws ProtocolException if they are not what `peer` may send; whatever was delivered before
  ///   was good
  public void feed(ByteBuffer bytes, Consumer<Frame> sink) {
    while (fill(bytes)) {
      advance(sink);
    }
  }

  /// Where in a frame the bytes so far end; empty between two frames.
  public Optional<String> unfinished() {
    if (stage == Stage.HEADER) {
      return filled == 0
          ? Optional.empty()
          : Optional.of("the header: %d of %d bytes".formatted(filled, total));
    }
    String where = stage == Stage.ATTACHMENT ? "ATTACHMENT " + attachments.size() : stage.name();
    return Optional.of(
        "the %s of a %s frame of %d bytes: %d of %d bytes"
            .formatted(where.toLowerCase(Locale.ROOT), type, length(), filled, total));
  }

  /// Whether the piece is full.
  private boolean fill(ByteBuffer bytes) {
    while (filled < total && bytes.hasRemaining()) {
      if (filled == piece.length) {
        piece = Arrays.copyOf(piece, (int) Math.min(total, (long) GROWTH * filled));
      }
      int n = Math.min(bytes.remaining(), piece.length - filled);
      bytes.get(piece, filled, n);
      filled += n;
    }
    return filled == total;
  }

  private void advance(Consumer<Frame> sink) {
    switch (stage) {
      case HEADER -> {
        readHeader();
        if (attachmentCount() > 0) {
          expect(Stage.TABLE, Integer.BYTES * attachmentCount());
        } else {
          expect(Stage.ENVELOPE, (int) length());
        }
      }
      case TABLE -> {
        readTable();
        expect(Stage.ENVELOPE, (int) envelopeLength());
      }
      case ENVELOPE -> {
        envelope = piece;
        expectAttachmentOrEnd(sink);
      }
      case ATTACHMENT -> {
        takeAttachment();
        expectAttachmentOrEnd(sink);
      }
    }
  }

  private void readHeader() {
    type = FrameType.received(Byte.toUnsignedInt(header.get(4)), peer);
    int flags = Byte.toUnsignedInt(header.get(5));
    if (flags != 0) {
      throw bad("flags " + flags + ", version 1 knows none");
    }
    if (length() > lengthMax) {
      throw bad("length " + length() + ", the limit is " + lengthMax);
    }
    if (length() < (long) Integer.BYTES * attachmentCount()) {
      throw bad("length " + length() + " has no room for a table of " + attachmentCount());
    }
  }

  private void readTable() {
    table = new int[attachmentCount()];
    lengths = new int[attachmentCount()];
    ByteBuffer.wrap(piece).asIntBuffer().get(table);
    attachments = new ArrayList<>();
    for (int i = 0; i < table.length; i++) {
      lengths[i] = lengthInFrame(table[i]);
    }
    if (envelopeLength() < 0) {
      throw bad("length " + length() + " is " + -envelopeLength() + " less than its table says");
    }
  }

  private int lengthInFrame(int entry) {
    boolean inMemory = carriesValues() && (entry & IN_MEMORY) != 0;
    int bytes = inMemory ? entry & ~IN_MEMORY : entry;
    if (Integer.compareUnsigned(bytes, ATTACHMENT_BYTES_MAX) > 0) {
      String claimed = Integer.toUnsignedString(entry);
      throw bad("attachment of " + claimed + " bytes, the limit is " + ATTACHMENT_BYTES_MAX);
    }
    if (inMemory && bytes == 0) {
      throw bad("an empty attachment in a memory file");
    }
    return inMemory ? Integer.BYTES : bytes;
  }

  /// Nothing else refers to attachments.
  private boolean carriesValues() {
    return type == FrameType.CALL || type == FrameType.RESULT;
  }

  private void takeAttachment() {
    int index = attachments.size();
    int entry = table[index];
    if ((entry & IN_MEMORY) == 0) {
      attachments.add(piece);
      return;
    }
    if (claims.isEmpty()) {
      claims = new ArrayList<>();
    }
    claims.add(new Frame.Claim(index, ByteBuffer.wrap(piece).getInt(), entry & ~IN_MEMORY));
    attachments.add(NOTHING);
  }

  private void expectAttachmentOrEnd(Consumer<Frame> sink) {
    int next = attachments.size();
    if (next < lengths.length) {
      expect(Stage.ATTACHMENT, lengths[next]);
    } else {
      end(sink);
    }
  }

  /// Ready for the next frame before this one is delivered: the sink may throw.
  private void end(Consumer<Frame> sink) {
    Frame frame = new Frame(type, header.getLong(8), envelope, attachments, claims);
    stage = Stage.HEADER;
    piece = headerBytes;
    filled = 0;
    total = HEADER_BYTES;
    envelope = NOTHING;
    lengths = NO_LENGTHS;
    table = NO_LENGTHS;
    attachments = List.of();
    claims = List.of();
    sink.accept(frame);
  }

  private void expect(Stage next, int bytes) {
    stage = next;
    filled = 0;
    total = bytes;
    piece = bytes == 0 ? NOTHING : new byte[Math.min(bytes, FIRST_BYTES)];
  }

  private long length() {
    return Integer.toUnsignedLong(header.getInt(0));
  }

  private int attachmentCount() {
    return Short.toUnsignedInt(header.getShort(6));
  }

  private long envelopeLength() {
    long rest = length() - (long) Integer.BYTES * attachmentCount();
    for (int attachment : lengths) {
      rest -= attachment;
    }
    return rest;
  }

  private ProtocolException bad(String what) {
    return new ProtocolException("%s frame #%d: %s".formatted(type, header.getLong(8), what));
  }
}
