package dev.terrarium.registry;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(30)
final class SocketsDirectoryTest {
  @TempDir Path place;

  private Path directory = Path.of("");

  @BeforeEach
  void make() throws IOException {
    directory = Files.createDirectory(place.resolve(SocketsDirectory.PREFIX + "1"));
  }

  @Test
  void thatOfADeadRunIsRemoved() throws IOException {
    listen("s").close();

    SocketsDirectory.removeDead(directory);

    assertThat(directory).doesNotExist();
  }

  @Test
  void whereSomebodyListensAllStays() throws IOException {
    try (ServerSocketChannel server = listen("s")) {
      listen("l").close();

      SocketsDirectory.removeDead(directory);

      assertThat(server.isOpen()).isTrue();
      assertThat(directory.resolve("s")).exists();
      assertThat(directory.resolve("l")).exists();
    }
  }

  @Test
  void whatIsNoSocketStays() throws IOException {
    Path file = Files.createFile(directory.resolve("notes"));
    listen("s").close();

    SocketsDirectory.removeDead(directory);

    assertThat(file).exists();
  }

  /// The lock of a JVM that was killed was free a moment before the kernel had closed its sockets;
  /// their directory was taken for that of a runtime that lives, and stayed for ever.
  @Test
  void whoeverIsDyingMayListenForAMoment() throws Exception {
    ServerSocketChannel dying = listen("s");
    Thread kernel =
        Thread.ofPlatform()
            .start(
                () -> {
                  try (dying) {
                    dying.accept().close(); // it was heard
                  } catch (IOException e) {
                    throw new AssertionError(e);
                  }
                });

    SocketsDirectory.removeDead(directory);

    kernel.join();
    assertThat(directory).doesNotExist();
  }

  private ServerSocketChannel listen(String name) throws IOException {
    ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    server.bind(UnixDomainSocketAddress.of(directory.resolve(name)));
    return server;
  }
}
