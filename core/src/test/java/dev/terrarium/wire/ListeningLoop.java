package dev.terrarium.wire;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/// A loop that listens, for tests that dial it.
abstract class ListeningLoop {
  final EventLoop loop;
  final RecordingGreeter greeter = new RecordingGreeter();
  Path socket = Path.of("unset");

  ListeningLoop(EventLoop loop) {
    this.loop = loop;
  }

  @BeforeEach
  void listen(@TempDir Path directory) throws IOException {
    socket = directory.resolve("s");
    loop.listen(socket, greeter);
  }

  @AfterEach
  void close() {
    loop.close();
  }
}
