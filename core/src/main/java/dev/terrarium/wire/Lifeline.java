package dev.terrarium.wire;

import static java.nio.channels.SelectionKey.OP_READ;

import dev.terrarium.base.Log;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import org.jspecify.annotations.Nullable;

/// The JVM's end of a worker's lifeline: held open, and nothing else. Writing one byte to it, or
/// closing it, makes the kernel kill the worker's process group.
final class Lifeline extends Watched {
  private static final Log log = Log.of(Lifeline.class);

  private final SocketChannel channel;
  private final ByteBuffer oneByte = ByteBuffer.allocate(1);

  Lifeline(EventLoop loop, SocketChannel channel) throws IOException {
    this.channel = channel;
    loop.register(channel, OP_READ, this);
  }

  @Override
  void ready() {
    int n = read();
    if (n > 0) {
      log.warn("A worker wrote to its lifeline, on which nothing is ever sent; closing it");
    }
    if (n != 0) {
      end(null);
    }
  }

  private int read() {
    try {
      return channel.read(oneByte.clear());
    } catch (IOException e) {
      return -1;
    }
  }

  @Override
  void end(@Nullable ProtocolException why) {
    EventLoop.closeQuietly(channel);
  }
}
