package dev.terrarium.wire;

import static dev.terrarium.wire.Limits.SLICE_BYTES;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.GatheringByteChannel;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Queue;

/// What still has to be written to one connection. Not thread-safe: [Connection] locks.
final class Outbox {
  private static final int BATCH_BUFFERS_MAX = 16;

  private final Queue<ByteBuffer> queue = new ArrayDeque<>(2);
  private final ByteBuffer[] batch = new ByteBuffer[BATCH_BUFFERS_MAX];
  private long bytes;

  long bytes() {
    return bytes;
  }

  boolean isEmpty() {
    return queue.isEmpty();
  }

  void add(OutgoingFrame frame) {
    queue.addAll(frame.buffers());
    bytes += frame.bytes();
  }

  void clear() {
    queue.clear();
    bytes = 0;
  }

  /// Writes until all is written or the channel takes no more.
  ///
  /// @return whether all is written
  boolean flush(GatheringByteChannel channel) throws IOException {
    while (!queue.isEmpty()) {
      int n = fillBatch();
      bytes -= n == 1 ? channel.write(batch[0]) : channel.write(batch, 0, n);
      boolean all = !batch[n - 1].hasRemaining();
      forgetWritten(n);
      if (!all) {
        return false;
      }
    }
    return true;
  }

  /// As many buffers as one system call may take, but at least one.
  private int fillBatch() {
    int n = 0;
    long size = 0;
    for (ByteBuffer buffer : queue) {
      size += buffer.remaining();
      if (n > 0 && (n == BATCH_BUFFERS_MAX || size > SLICE_BYTES)) {
        break;
      }
      batch[n++] = buffer;
    }
    return n;
  }

  /// The batch must not keep a gigabyte alive that has long been sent.
  private void forgetWritten(int n) {
    while (!queue.isEmpty() && !queue.element().hasRemaining()) {
      queue.remove();
    }
    Arrays.fill(batch, 0, n, null);
  }
}
