package dev.terrarium.control;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.process.Birthmark;
import dev.terrarium.process.RunId;
import dev.terrarium.registry.RunIdentity;
import dev.terrarium.registry.RunManifest;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Whoever answers may be anybody, and says anything.
@Timeout(60)
final class ControlClientTest {
  private static final Duration SHORT = Duration.ofMillis(200);
  private static final Duration LONG = Duration.ofSeconds(30);
  private static final int CONTROL_ANSWER = 79;

  @TempDir Path sockets;
  private final CountDownLatch ended = new CountDownLatch(1);
  private ServerSocketChannel server;
  private RunManifest run;

  @FunctionalInterface
  private interface Impostor {
    void talk(SocketChannel asker) throws Exception;
  }

  @BeforeEach
  void listen() throws IOException {
    RunIdentity identity = RunIdentity.here(RunId.parse("s59m65f"), Birthmark.choose().chosen());
    run = new RunManifest(identity, Instant.now(), sockets);
    server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    server.bind(UnixDomainSocketAddress.of(sockets.resolve("c")));
  }

  @AfterEach
  void stop() throws IOException {
    ended.countDown();
    server.close();
  }

  private void answering(Impostor impostor) {
    Thread.ofPlatform()
        .daemon()
        .name("impostor")
        .start(
            () -> {
              try (SocketChannel asker = server.accept()) {
                asker.read(ByteBuffer.allocate(1_000)); // the question
                impostor.talk(asker);
              } catch (Exception e) {
                System.err.println("the impostor ended: " + e);
              }
            });
  }

  private String silence(Duration timeout) {
    Reply reply = ControlClient.status(run, timeout);
    assertThat(reply).isInstanceOf(Reply.Silent.class);
    return ((Reply.Silent) reply).why();
  }

  @Test
  void doesNotWaitForEverForWhoSaysNothing() {
    answering(_ -> ended.await());
    assertThat(silence(SHORT))
        .startsWith("no answer came within %d ms".formatted(SHORT.toMillis()));
  }

  @Test
  void doesNotWaitForEverWhereNobodyAccepts() {
    assertThat(silence(SHORT))
        .startsWith("no answer came within %d ms".formatted(SHORT.toMillis()));
  }

  /// A byte now and a byte then buys no time.
  @Test
  void doesNotWaitForEverForWhoIsSlow() {
    answering(
        asker -> {
          byte[] frame = frame(CONTROL_ANSWER, "{\"run\":\"" + "x".repeat(100_000) + "\"}");
          for (int i = 0; !ended.await(20, java.util.concurrent.TimeUnit.MILLISECONDS); i++) {
            asker.write(ByteBuffer.wrap(frame, i, 1));
          }
        });
    assertThat(silence(SHORT))
        .startsWith("no answer came within %d ms".formatted(SHORT.toMillis()));
  }

  @Test
  void saysThatNobodyListens() throws IOException {
    server.close();
    assertThat(silence(LONG)).contains("refused");
    Files.delete(sockets.resolve("c"));
    assertThat(silence(LONG)).isNotBlank();
  }

  @Test
  void saysThatItWasCutOff() {
    answering(asker -> {});
    assertThat(silence(LONG)).contains("without an answer");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "{",
        "[]",
        "{}",
        "{\"error\":7}",
        "{\"run\":\"s59m65f\"}",
        "{\"run\":\"s59m65f\",\"host\":{\"pid\":1,\"ticks\":1},\"started_at\":\"now\",\"uptime_ms\":0}",
        "{\"run\":\"another\",\"host\":{\"pid\":1,\"ticks\":1},"
            + "\"started_at\":\"2026-01-01T00:00:00Z\",\"uptime_ms\":0}"
      })
  void saysThatAnAnswerIsNone(String envelope) {
    answering(asker -> asker.write(ByteBuffer.wrap(frame(CONTROL_ANSWER, envelope))));
    assertThat(silence(LONG)).startsWith("what answered is no host: ");
  }

  @Test
  void saysThatAnotherFrameIsNoAnswer() {
    answering(asker -> asker.write(ByteBuffer.wrap(frame(2, "{}"))));
    assertThat(silence(LONG)).contains("is no answer");
  }

  @Test
  void saysWhatTheHostRefuses() {
    answering(asker -> asker.write(ByteBuffer.wrap(frame(CONTROL_ANSWER, "{\"error\":\"busy\"}"))));
    assertThat(silence(LONG)).isEqualTo("it said: busy");
  }

  @Test
  void readsNoMoreThanAnAnswerMayHave() {
    answering(
        asker -> {
          asker.write(ByteBuffer.wrap(header(1 << 30, CONTROL_ANSWER)));
          ByteBuffer zeros = ByteBuffer.allocate(1 << 20);
          while (true) {
            asker.write(zeros.clear());
          }
        });
    assertThat(silence(LONG)).isEqualTo("the answer does not end");
  }

  @Test
  void readsTheAnswerOfTheRunThatWasMeant() {
    String answer =
        """
        {"run":"s59m65f","host":{"pid":%d,"ticks":%d},"started_at":"2026-01-01T00:00:00Z",\
        "uptime_ms":5,"pools":[],"ledger":[{"worker":"a-1","number":1,"pool":"a",\
        "fingerprint":"f","reserved_at":"2026-01-01T00:00:00Z"}],"not known yet":1}\
        """
            .formatted(run.identity().host().pid(), run.identity().host().startTicks());
    answering(asker -> asker.write(ByteBuffer.wrap(frame(CONTROL_ANSWER, answer))));
    Reply reply = ControlClient.status(run, LONG);
    assertThat(reply).isInstanceOf(Reply.Answered.class);
    HostStatus status = ((Reply.Answered) reply).status();
    assertThat(status.uptime()).isEqualTo(Duration.ofMillis(5));
    assertThat(status.ledger()).singleElement().matches(row -> row.process().isEmpty());
  }

  private static byte[] frame(int type, String envelope) {
    byte[] json = envelope.getBytes(UTF_8);
    return ByteBuffer.allocate(16 + json.length).put(header(json.length, type)).put(json).array();
  }

  private static byte[] header(int length, int type) {
    return ByteBuffer.allocate(16).putInt(length).put((byte) type).array();
  }
}
