package dev.terrarium.wire;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
final class LifelineTest {
  private final EventLoop loop = EventLoop.start("lifelines");
  private Path socket = Path.of("unset");

  @BeforeEach
  void listen(@TempDir Path directory) throws IOException {
    socket = directory.resolve("l");
    loop.listenLifelines(socket);
  }

  @AfterEach
  void close() {
    loop.close();
  }

  @Test
  void staysOpenAndSilentUntilTheLoopCloses() throws Exception {
    TestPeer.dial(socket).close();
    try (var lifeline = TestPeer.dial(socket)) {
      // Whoever wrote is closed: this one shows that the loop has seen everything before it.
      try (var talkative = TestPeer.dial(socket).send(new byte[] {1})) {
        assertThat(talkative.bytesUntilClosed()).isZero();
      }
      assertThat(lifeline.isOpenAndSilent()).isTrue();
      loop.close();
      assertThat(lifeline.bytesUntilClosed()).isZero();
      assertThat(socket).doesNotExist();
    }
  }
}
