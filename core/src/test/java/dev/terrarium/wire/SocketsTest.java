package dev.terrarium.wire;

import static dev.terrarium.wire.RecordingGreeter.next;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// What becomes of sockets whose files somebody removes.
@Timeout(60)
@SuppressWarnings("NullAway.Init") // set before each test
final class SocketsTest {
  private final EventLoop loop = EventLoop.start("sockets");
  private final RecordingGreeter greeter = new RecordingGreeter();
  private Path place;
  private Path directory;
  private Sockets sockets;

  @BeforeEach
  void open(@TempDir Path temporary) throws IOException {
    place = Files.createDirectory(temporary.resolve("p"));
    directory = place.resolve("d");
    sockets = Sockets.open(loop, directory, greeter);
    sockets.listenForQuestions("c", new RecordingGreeter());
  }

  @AfterEach
  void close() {
    loop.close();
  }

  private void assertHeard() throws IOException, InterruptedException {
    try (TestPeer peer = TestPeer.dial(sockets.frames())) {
      peer.hello();
      next(greeter.connections);
    }
    try (TestPeer lifeline = TestPeer.dial(sockets.lifelines())) {
      assertThat(lifeline.isOpenAndSilent()).isTrue();
    }
  }

  private void remove() throws IOException {
    for (Path each : List.of(sockets.frames(), sockets.lifelines(), directory.resolve("c"))) {
      Files.delete(each);
    }
    Files.delete(directory);
  }

  @Test
  void areLeftAloneWhereTheyAreThere() throws Exception {
    assertThat(sockets.mend()).isEmpty();
    assertHeard();
  }

  /// A cleaner of temporary files took the directory: no connection ended, nobody could ever come
  /// again, and nothing was said.
  @Test
  void areBoundAgainWithTheirDirectory() throws Exception {
    remove();
    assertThatThrownBy(() -> TestPeer.dial(sockets.frames())).isInstanceOf(IOException.class);
    assertThat(sockets.mend())
        .containsExactly(sockets.frames(), sockets.lifelines(), directory.resolve("c"));
    assertHeard();
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(directory)))
        .isEqualTo("rwx------");
    assertThat(sockets.mend()).isEmpty();
    remove();
    assertThat(sockets.mend()).hasSize(3); // as often as it happens
    assertHeard();
  }

  @Test
  void areBoundAgainOneByOne() throws Exception {
    Files.delete(sockets.lifelines());
    assertThat(sockets.mend()).containsExactly(sockets.lifelines());
    assertHeard();
  }

  @Test
  void areBoundAgainInThePlaceOfWhateverElseHasTheirNames() throws Exception {
    Files.delete(sockets.frames());
    Files.writeString(sockets.frames(), "not a socket");
    assertThat(sockets.mend()).containsExactly(sockets.frames());
    assertHeard();
  }

  @Test
  void keepWhoIsConnectedAndLetInWhoWasAboutToBe() throws Exception {
    try (TestPeer connected = TestPeer.dial(sockets.frames()).hello();
        TestPeer lifeline = TestPeer.dial(sockets.lifelines())) {
      Connection known = next(greeter.connections);
      remove();
      assertThat(sockets.mend()).hasSize(3);
      assertHeard();
      assertThat(lifeline.isOpenAndSilent()).isTrue();
      known.send(Messages.frame(0, new Messages.Drain()));
      assertThat(connected.receive()).isNotNull();
    }
  }

  @Test
  void sayWhyTheyCannotBeBoundAgain() throws Exception {
    remove();
    Files.delete(place);
    assertThatThrownBy(sockets::mend)
        .isInstanceOf(NoSuchFileException.class)
        .hasMessageContaining(directory.toString());
    Files.createDirectory(place);
    assertThat(sockets.mend()).hasSize(3);
    assertHeard();
  }

  /// The name is known by then: whoever is quicker must not be told of our workers.
  @Test
  void areNotBoundInWhatSomebodyElseHasPutThere() throws Exception {
    remove();
    Path trap = Files.createDirectory(place.resolve("trap"));
    Files.createSymbolicLink(directory, trap);
    assertThatThrownBy(sockets::mend).hasMessageContaining("something else is there");
    Files.delete(directory);
    Files.createDirectory(directory);
    Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxrwxrwx"));
    assertThatThrownBy(sockets::mend).hasMessageContaining("others may write");
    assertThat(trap).isEmptyDirectory();
    assertThat(directory).isEmptyDirectory();
  }

  @Test
  void areNotBoundAgainAfterTheEnd() throws Exception {
    sockets.close();
    remove();
    assertThat(sockets.mend()).isEmpty();
    assertThat(directory).doesNotExist();
  }

  @Test
  void areRemovedWithTheirLoop() throws Exception {
    remove();
    assertThat(sockets.mend()).hasSize(3);
    loop.close();
    assertThat(directory).isEmptyDirectory();
  }
}
