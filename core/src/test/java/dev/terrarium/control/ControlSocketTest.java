package dev.terrarium.control;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.Config;
import dev.terrarium.Pool;
import dev.terrarium.PoolBuilder;
import dev.terrarium.PoolStats.WorkerInfo;
import dev.terrarium.Terrarium;
import dev.terrarium.control.HostStatus.PoolStatus;
import dev.terrarium.process.ProcessIdentity;
import dev.terrarium.registry.RunDirectory;
import dev.terrarium.registry.RunManifest;
import dev.terrarium.wire.EventLoop;
import java.io.IOException;
import java.net.URISyntaxException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// A running host that is asked, well and badly.
@Timeout(90)
final class ControlSocketTest {
  private static final int HELLO = 1;
  private static final int CALL = 2;
  private static final int CONTROL = 78;
  private static final String STATUS = "{\"ask\":\"status\"}";

  @TempDir private Path home;
  private Terrarium runtime;
  private Pool pool;
  private RunManifest manifest;

  @BeforeEach
  void start() throws IOException {
    runtime = Terrarium.start(Config.defaults().withHome(home));
    pool = pool("first").start();
    manifest = RunDirectory.read(home.resolve("runs").resolve(runtime.runId()));
  }

  private PoolBuilder pool(String name) {
    return Pool.builder().runtime(runtime).name(name).adapter(adapter()).size(2);
  }

  private static Path adapter() {
    try {
      var found =
          Objects.requireNonNull(ControlSocketTest.class.getResource("/adapters/trouble.py"));
      return Path.of(found.toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  @AfterEach
  void close() {
    runtime.close();
  }

  private HostStatus status() {
    Reply reply = ControlClient.status(manifest);
    assertThat(reply).isInstanceOf(Reply.Answered.class);
    return ((Reply.Answered) reply).status();
  }

  private SocketChannel dial(String socket) throws IOException {
    return SocketChannel.open(UnixDomainSocketAddress.of(manifest.sockets().resolve(socket)));
  }

  private void assertAllIsWell() {
    assertThat(pool.call("echo", Map.of("value", 1), Integer.class)).isEqualTo(1);
    assertThat(pool.stats().restarts()).isZero();
    assertThat(status().run()).isEqualTo(runtime.runId());
  }

  @Test
  void saysWhatTheHostKnows() {
    assertThat(pool.call("echo", Map.of("value", 1), Integer.class)).isEqualTo(1);
    try (Pool second = pool("second").start()) {
      HostStatus status = status();
      assertThat(status.run()).isEqualTo(runtime.runId());
      assertThat(status.host()).isEqualTo(ProcessIdentity.self());
      assertThat(status.startedAt()).isEqualTo(manifest.startedAt());
      assertThat(status.uptime()).isPositive();
      assertThat(status.pools()).extracting(PoolStatus::name).containsExactly("first", "second");
      PoolStatus first = status.pools().getFirst();
      assertThat(first.stats().size()).isEqualTo(2);
      assertThat(first.stats().idle()).isEqualTo(2);
      assertThat(first.stats().calls()).isEqualTo(1);
      assertThat(first.stats().ledgerRows()).as("two workers and a zygote").isEqualTo(3);
      assertThat(first.stats().workers())
          .extracting(WorkerInfo::pid)
          .isEqualTo(pool.stats().workers().stream().map(WorkerInfo::pid).toList());
      assertThat(first.stats().workers()).allMatch(worker -> worker.residentBytes() > 0);
      assertThat(status.ledger()).containsExactlyInAnyOrderElementsOf(runtime.listAllWorkers());
      assertThat(second.stats().size()).isEqualTo(2);
    }
  }

  private static List<byte[]> garbage() {
    return List.of(
        new byte[] {0},
        new byte[10_000],
        "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".getBytes(US_ASCII),
        frame(HELLO, "{\"protocol\":1,\"token\":\"0123456789abcdef0123456789abcdef\"}"),
        frame(CALL, "{\"tool\":\"echo\"}"),
        frame(CONTROL, ""),
        frame(CONTROL, "{"),
        frame(CONTROL, "[\"status\"]"),
        frame(CONTROL, "{\"ask\":7}"),
        header(1 << 21, CONTROL),
        header(1 << 31, CONTROL));
  }

  @Test
  void closesAConnectionThatSaysAnythingElse() throws IOException {
    for (byte[] bytes : garbage()) {
      try (SocketChannel stranger = dial("c")) {
        stranger.write(ByteBuffer.wrap(bytes));
        stranger.shutdownOutput();
        assertThat(readToTheEnd(stranger)).isEmpty();
      }
      assertAllIsWell();
    }
  }

  @Test
  void saysThatItDoesNotKnowAQuestion() throws IOException {
    try (SocketChannel stranger = dial("c")) {
      stranger.write(ByteBuffer.wrap(frame(CONTROL, "{\"ask\":\"\\ud800 the weather\"}")));
      assertThat(readAnswer(stranger)).isEqualTo("{\"error\":\"only 'status' is answered\"}");
    }
    assertAllIsWell();
  }

  @Test
  void takesOneQuestionAConnection() throws IOException {
    try (SocketChannel asker = dial("c")) {
      asker.write(ByteBuffer.wrap(frame(CONTROL, STATUS)));
      asker.write(ByteBuffer.wrap(frame(CONTROL, STATUS)));
      // Which of the two comes first, the answer or the end, is open.
      assertThat(readToTheEnd(asker).split("\"uptime_ms\"", -1)).hasSizeLessThanOrEqualTo(2);
    }
    assertAllIsWell();
  }

  @Test
  void isNotAskedAtTheDoorOfWorkers() throws IOException {
    try (SocketChannel stranger = dial("s")) {
      stranger.write(ByteBuffer.wrap(frame(CONTROL, STATUS)));
      assertThat(readToTheEnd(stranger)).isEmpty();
    }
    assertAllIsWell();
  }

  /// As many as there may be say nothing: who comes then is sent away, workers come and go as they
  /// like, and after their time there is room again.
  @Test
  void isCrowdedByNobodyButThoseWhoAsk() throws IOException {
    List<SocketChannel> crowd = new ArrayList<>();
    try {
      for (int i = 0; i < EventLoop.ASKERS_MAX; i++) {
        crowd.add(dial("c"));
      }
      assertThat(ControlClient.status(manifest)).isInstanceOf(Reply.Silent.class);
      try (Pool another = pool("another").start()) {
        assertThat(another.call("echo", Map.of("value", 2), Integer.class)).isEqualTo(2);
      }
      for (SocketChannel silent : crowd) {
        assertThat(readToTheEnd(silent)).isEmpty();
      }
      assertAllIsWell();
    } finally {
      for (SocketChannel silent : crowd) {
        silent.close();
      }
    }
  }

  @Test
  void goesWithTheRuntime() {
    runtime.close();
    assertThat(manifest.sockets()).doesNotExist();
    assertThat(ControlClient.status(manifest)).isInstanceOf(Reply.Silent.class);
  }

  private static byte[] frame(int type, String envelope) {
    byte[] json = envelope.getBytes(UTF_8);
    return ByteBuffer.allocate(16 + json.length).put(header(json.length, type)).put(json).array();
  }

  private static byte[] header(int length, int type) {
    return ByteBuffer.allocate(16).putInt(length).put((byte) type).array();
  }

  private static String readAnswer(SocketChannel channel) throws IOException {
    int length = read(channel, 16).getInt(0);
    return UTF_8.decode(read(channel, length)).toString();
  }

  private static ByteBuffer read(SocketChannel channel, int bytes) throws IOException {
    ByteBuffer all = ByteBuffer.allocate(bytes);
    while (all.hasRemaining()) {
      assertThat(channel.read(all)).as("closed early").isPositive();
    }
    return all.flip();
  }

  /// What came before the other side closed.
  private static String readToTheEnd(SocketChannel channel) {
    var text = new StringBuilder();
    ByteBuffer buffer = ByteBuffer.allocate(1 << 16);
    try {
      while (channel.read(buffer.clear()) >= 0) {
        text.append(UTF_8.decode(buffer.flip()));
      }
    } catch (IOException e) {
      return text.toString(); // a reset is an end, too
    }
    return text.toString();
  }
}
