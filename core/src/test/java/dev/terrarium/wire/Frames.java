package dev.terrarium.wire;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/// Frames for tests, as bytes and back.
final class Frames {
  private Frames() {}

  static byte[] bytes(FrameType type, long id, String envelope, byte[]... attachments) {
    List<ByteBuffer> wrapped = new ArrayList<>();
    for (byte[] attachment : attachments) {
      wrapped.add(ByteBuffer.wrap(attachment));
    }
    return bytes(OutgoingFrame.of(type, id, envelope.getBytes(UTF_8), wrapped));
  }

  static byte[] bytes(OutgoingFrame frame) {
    ByteBuffer all = ByteBuffer.allocate((int) frame.bytes());
    frame.buffers().forEach(all::put);
    return all.array();
  }

  static byte[] join(byte[]... parts) {
    int total = 0;
    for (byte[] part : parts) {
      total += part.length;
    }
    ByteBuffer all = ByteBuffer.allocate(total);
    for (byte[] part : parts) {
      all.put(part);
    }
    return all.array();
  }

  /// A header alone, with whatever numbers.
  static byte[] header(long length, int type, int flags, int attachments) {
    return ByteBuffer.allocate(16)
        .putInt((int) length)
        .put((byte) type)
        .put((byte) flags)
        .putShort((short) attachments)
        .putLong(7)
        .array();
  }

  static byte[] table(long... lengths) {
    ByteBuffer table = ByteBuffer.allocate(4 * lengths.length);
    for (long length : lengths) {
      table.putInt((int) length);
    }
    return table.array();
  }

  static byte[] random(long seed, int size) {
    byte[] bytes = new byte[size];
    new Random(seed).nextBytes(bytes);
    return bytes;
  }
}
