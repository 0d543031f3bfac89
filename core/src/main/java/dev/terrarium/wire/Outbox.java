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

  /// System calls for one connection before the others have their turn: 1 MiB. A peer that reads as
  /// fast as we write would never let go of the loop.
  private static final int BATCHES_MAX = 4;

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

  /// Writes until all is written, the channel takes no more, or others should have a turn.
  ///
  /// @return whether all is written
  boolean flush(GatheringByteChannel channel) throws IOException {
    boolean taken = true;
    for (int i = 0; i < BATCHES_MAX && taken && !queue.isEmpty(); i++) {
      taken = writeBatch(channel);
    }
    return queue.isEmpty();
  }

  /// Whether the channel took all that it was offered.
  private boolean writeBatch(GatheringByteChannel channel) throws IOException {
    int n = fillBatch();
    bytes -= n == 1 ? channel.write(batch[0]) : channel.write(batch, 0, n);
    boolean all = !batch[n - 1].hasRemaining();
    forgetWritten(n);
    return all;
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
