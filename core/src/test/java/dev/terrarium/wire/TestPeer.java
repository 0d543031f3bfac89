package dev.terrarium.wire;

import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Queue;

/// The other end of a connection: plain, blocking, and free to misbehave.
final class TestPeer implements AutoCloseable {
  private final SocketChannel channel;
  private final FrameDecoder decoder = new FrameDecoder(Peer.JVM);
  private final Queue<Frame> received = new ArrayDeque<>();
  private final ByteBuffer buffer = ByteBuffer.allocate(1 << 16);

  private TestPeer(SocketChannel channel) {
    this.channel = channel;
  }

  static TestPeer dial(Path socket) throws IOException {
    return new TestPeer(SocketChannel.open(UnixDomainSocketAddress.of(socket)));
  }

  TestPeer send(byte[] bytes) throws IOException {
    ByteBuffer rest = ByteBuffer.wrap(bytes);
    while (rest.hasRemaining()) {
      channel.write(rest);
    }
    return this;
  }

  TestPeer hello() throws IOException {
    return send(Frames.bytes(FrameType.HELLO, 0, "{}"));
  }

  Frame receive() throws IOException {
    while (received.isEmpty()) {
      if (channel.read(buffer.clear()) < 0) {
        throw new IOException("closed by the other side");
      }
      decoder.feed(buffer.flip(), received::add);
    }
    return received.remove();
  }

  /// Waits until the other side closes; returns how many bytes it said before.
  int bytesUntilClosed() {
    int total = 0;
    try {
      for (int n = 0; n >= 0; n = channel.read(buffer.clear())) {
        total += n;
      }
    } catch (IOException e) {
      return total; // a reset is an end, too
    }
    return total;
  }

  boolean isOpenAndSilent() throws IOException {
    channel.configureBlocking(false);
    try {
      return channel.read(buffer.clear()) == 0;
    } finally {
      channel.configureBlocking(true);
    }
  }

  void stopReading() throws IOException {
    channel.shutdownInput();
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
