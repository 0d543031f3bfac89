package dev.terrarium.testkit;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Pipe;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;

/// Makes the JDK open what it opens once and keeps for ever (pollers of virtual threads, a pair of
/// sockets for closing channels, a reaper of processes), so that no test is blamed for it. And
/// makes all that is started from here on known as ours, and open to Ctrl-C.
final class WarmUp {
  private WarmUp() {}

  static void once() {
    Done.now();
  }

  private static final class Done {
    static {
      try {
        Descent.begin();
        Signals.restoreDefaults();
        SharedPlaces.watch();
        sockets();
        process();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }

    static void now() {}
  }

  private static void process() throws IOException, InterruptedException {
    new ProcessBuilder("true").start().waitFor();
  }

  private static void sockets() throws IOException, InterruptedException {
    Path socket = Files.createTempDirectory("warm-up-").resolve("s");
    var address = UnixDomainSocketAddress.of(socket);
    Selector.open().close();
    Pipe pipe = Pipe.open();
    pipe.source().close();
    pipe.sink().close();
    try (var server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      server.bind(address);
      Thread reader = Thread.ofVirtual().start(() -> readFromOne(server));
      try (var client = SocketChannel.open(address)) {
        client.write(ByteBuffer.wrap(new byte[1]));
        reader.join();
      }
    }
    Files.delete(socket);
    Files.delete(socket.getParent());
  }

  private static void readFromOne(ServerSocketChannel server) {
    try (SocketChannel accepted = server.accept()) {
      accepted.read(ByteBuffer.allocate(1));
      accepted.write(ByteBuffer.allocate(1));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
