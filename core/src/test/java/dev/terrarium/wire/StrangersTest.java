package dev.terrarium.wire;

import static dev.terrarium.wire.RecordingGreeter.next;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.UnsynchronizedAppenderBase;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;

/// Whoever dials may be anybody, and says anything.
@Timeout(60)
final class StrangersTest extends ListeningLoop {
  StrangersTest() {
    super(
        EventLoop.start(
            "strangers",
            new Strangers(Duration.ofMillis(300), 8),
            new Strangers(Duration.ofMillis(300), 8)));
  }

  private void assertSilentlyClosed(TestPeer peer) throws Exception {
    assertThat(peer.bytesUntilClosed()).isZero();
    assertThat(greeter.connections).isEmpty();
    try (var good = TestPeer.dial(socket).hello()) {
      next(greeter.connections);
      good.send(Frames.bytes(FrameType.RESULT, 1, "1"));
      next(greeter.frames);
    }
  }

  @Test
  void areClosedWithoutAnAnswerWhenTheGreeterRefuses(@TempDir Path directory) throws Exception {
    Path picky = directory.resolve("p");
    loop.listen(
        picky,
        (_, _) -> {
          throw new RefusedException("unknown token");
        });
    byte[] eager =
        Frames.join(Frames.bytes(FrameType.HELLO, 0, ""), Frames.bytes(FrameType.RESULT, 1, ""));
    try (var peer = TestPeer.dial(picky).send(eager)) {
      assertSilentlyClosed(peer);
    }
  }

  @Test
  void areClosedWhenTheGreeterFails(@TempDir Path directory) throws Exception {
    Path broken = directory.resolve("p");
    loop.listen(
        broken,
        (_, hello) -> {
          throw new IllegalStateException("not an envelope: " + hello);
        });
    try (var peer = TestPeer.dial(broken).hello()) {
      assertSilentlyClosed(peer);
    }
  }

  @Test
  void areClosedWhenTheySayNothing() throws Exception {
    try (var peer = TestPeer.dial(socket)) {
      assertSilentlyClosed(peer);
    }
  }

  /// What they had said was logged on the loop's thread: a backend that stalled just then held the
  /// whole runtime.
  @Test
  void holdUpNobodyWithWhatIsSaidOfThemWhereTheLogBackendStalls() throws Exception {
    var logger = (Logger) LoggerFactory.getLogger(EventLoop.class);
    var stalled = new CountDownLatch(1);
    var goOn = new CountDownLatch(1);
    var backend = new Stalling(stalled, goOn);
    backend.setContext(logger.getLoggerContext());
    backend.start();
    logger.setLevel(Level.WARN);
    logger.addAppender(backend);
    try (var garbage = TestPeer.dial(socket).send("garbage, much of it".getBytes(US_ASCII));
        var good = TestPeer.dial(socket).hello()) {
      assertThat(garbage.bytesUntilClosed()).isZero();
      assertThat(stalled.await(20, TimeUnit.SECONDS)).isTrue();
      next(greeter.connections);
      good.send(Frames.bytes(FrameType.RESULT, 1, "1"));
      next(greeter.frames);
    } finally {
      goOn.countDown();
      logger.detachAppender(backend);
      logger.setLevel(null);
    }
  }

  private static final class Stalling extends UnsynchronizedAppenderBase<ILoggingEvent> {
    private final CountDownLatch stalled;
    private final CountDownLatch goOn;

    Stalling(CountDownLatch stalled, CountDownLatch goOn) {
      this.stalled = stalled;
      this.goOn = goOn;
    }

    @Override
    protected void append(ILoggingEvent event) {
      stalled.countDown();
      try {
        goOn.await();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }

  @Test
  void areClosedWhenTheyAreTooSlow() throws Exception {
    byte[] hello = Frames.bytes(FrameType.HELLO, 0, "x".repeat(1_000));
    try (var peer = TestPeer.dial(socket)) {
      // A byte now and a byte then buys no time.
      await()
          .pollInterval(Duration.ofMillis(20))
          .until(
              () -> {
                try {
                  peer.send(new byte[] {hello[0]});
                  return false;
                } catch (IOException e) {
                  return true;
                }
              });
      assertSilentlyClosed(peer);
    }
  }

  @Test
  void areClosedWhenTheirFirstFrameIsTooLarge() throws Exception {
    try (var peer = TestPeer.dial(socket).send(Frames.header((1 << 20) + 1, 1, 0, 0))) {
      assertSilentlyClosed(peer);
    }
  }

  @Test
  void areLetInWithTheLargestFirstFrame() throws Exception {
    byte[] hello = Frames.bytes(FrameType.HELLO, 0, "x".repeat(1 << 20));
    try (var _ = TestPeer.dial(socket).send(hello)) {
      next(greeter.connections);
    }
  }

  @Test
  void areClosedWhenTheyDoNotBeginWithAHello() throws Exception {
    try (var peer = TestPeer.dial(socket).send(Frames.bytes(FrameType.RESULT, 1, "1"))) {
      assertSilentlyClosed(peer);
    }
    try (var peer = TestPeer.dial(socket).send("GET / HTTP/1.1\r\n\r\n".getBytes(US_ASCII))) {
      assertSilentlyClosed(peer);
    }
  }

  @Test
  void areClosedWhenThereAreTooMany() throws Exception {
    List<TestPeer> silent = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      silent.add(TestPeer.dial(socket));
    }
    try (var oneMore = TestPeer.dial(socket)) {
      assertThat(oneMore.bytesUntilClosed()).isZero();
      assertThat(silent).allMatch(peer -> peer.bytesUntilClosed() == 0);
      assertSilentlyClosed(oneMore);
    }
    for (TestPeer peer : silent) {
      peer.close();
    }
  }

  /// Whoever asks stays a stranger: he has the same time for all of it, answered or not.
  @Test
  void areClosedInTimeWhenAllTheyDoIsAsk(@TempDir Path directory) throws Exception {
    Path control = directory.resolve("c");
    loop.listenForQuestions(control, greeter);
    try (var asker = TestPeer.dial(control).send(Frames.bytes(FrameType.CONTROL, 0, "{}"))) {
      Connection connection = next(greeter.connections);
      connection.send(OutgoingFrame.of(FrameType.CONTROL_ANSWER, 0, "{}".getBytes(UTF_8)));
      assertThat(asker.receive().type()).isEqualTo(FrameType.CONTROL_ANSWER);
      assertThat(asker.bytesUntilClosed()).isZero();
      assertThat(next(greeter.closed).reason()).hasMessageContaining("300 ms");
    }
  }

  @Test
  void haveNothingMoreToSayWhenTheyHaveAsked(@TempDir Path directory) throws Exception {
    Path control = directory.resolve("c");
    loop.listenForQuestions(control, greeter);
    byte[] question = Frames.bytes(FrameType.CONTROL, 0, "{}");
    try (var asker = TestPeer.dial(control).send(Frames.join(question, question))) {
      assertThat(asker.bytesUntilClosed()).isZero();
      assertThat(next(greeter.closed).reason()).hasMessageContaining("does not come from a ASKER");
      assertThat(greeter.frames).isEmpty();
    }
  }

  @Test
  void whoAskKeepNobodyElseOut(@TempDir Path directory) throws Exception {
    Path control = directory.resolve("c");
    loop.listenForQuestions(control, greeter);
    List<TestPeer> askers = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      askers.add(TestPeer.dial(control));
    }
    try (var oneMore = TestPeer.dial(control)) {
      assertThat(oneMore.bytesUntilClosed()).isZero();
      assertSilentlyClosed(oneMore);
    }
    for (TestPeer asker : askers) {
      asker.close();
    }
  }

  @Test
  void areHeldToTheProtocolOnceTheyAreKnown() throws Exception {
    assertThat(reasonFor(Frames.bytes(FrameType.HELLO, 0, ""))).contains("HELLO (1) does not come");
    assertThat(reasonFor(Frames.bytes(FrameType.SPAWNED, 0, ""))).contains("SPAWNED (66)");
    assertThat(reasonFor(Frames.header(1L << 31, 3, 0, 0))).contains("length 2147483648");
    assertThat(reasonFor(Frames.header(0, 200, 0, 0))).contains("unknown frame type 200");
    assertThat(reasonFor(Frames.header(10, 3, 0, 0)))
        .isEqualTo(
            "the connection ended in the envelope of a RESULT frame of 10 bytes: 0 of 10 bytes");
    assertThat(reasonFor(new byte[] {0, 0}))
        .isEqualTo("the connection ended in the header: 2 of 16 bytes");
  }

  private String reasonFor(byte[] bytes) throws Exception {
    TestPeer peer = TestPeer.dial(socket).hello().send(bytes);
    next(greeter.connections);
    peer.close();
    return String.valueOf(Objects.requireNonNull(next(greeter.closed).reason()).getMessage());
  }

  @Test
  void areClosedWhenTheyBelongToAnotherUser(@TempDir Path directory) throws Exception {
    assumeThat(System.getProperty("user.name"))
        .as("only root can be somebody else")
        .isEqualTo("root");
    Path open = Files.createTempDirectory(Path.of("/tmp"), "t");
    Path door = open.resolve("s");
    loop.listen(door, greeter);
    Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rwxrwxrwx"));
    Files.setPosixFilePermissions(door, PosixFilePermissions.fromString("rwxrwxrwx"));
    String program =
        """
        import os, socket, sys
        os.setuid(65534)
        s = socket.socket(socket.AF_UNIX)
        s.connect(sys.argv[1])
        s.settimeout(5)
        try:
            s.sendall(bytes.fromhex('00000000010000000000000000000000'))
            print(s.recv(1))
        except OSError as e:
            print(type(e).__name__)
        """;
    Process stranger =
        new ProcessBuilder("python3", "-c", program, door.toString())
            .redirectErrorStream(true)
            .start();
    assertThat(new String(stranger.getInputStream().readAllBytes(), UTF_8))
        .isIn("b''\n", "BrokenPipeError\n", "ConnectionResetError\n");
    assertThat(stranger.waitFor(20, TimeUnit.SECONDS)).isTrue();
    assertThat(greeter.connections).isEmpty();
    loop.close();
    Files.delete(open);
  }
}
