package dev.terrarium;

import static dev.terrarium.BrokenWireTest.frame;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Somebody dials the sockets who has no business there.
@Timeout(90)
final class StrangerTest {
  private static final int HELLO = 1;
  private static final int WARDEN_HELLO = 64;

  /// Less than any one of the frames that are claimed.
  private static final long GROWTH_MAX = 32 << 20;

  @TempDir private Path home;
  private Terrarium runtime;
  private Pool pool;

  @BeforeEach
  void start() {
    runtime = Terrarium.start(Config.defaults().withHome(home));
    pool = Trouble.pool().runtime(runtime).start();
  }

  @AfterEach
  void close() {
    runtime.close();
  }

  static Stream<byte[]> intrusions() {
    String hello =
        "{\"protocol\":1,\"token\":\"0123456789abcdef0123456789abcdef\",\"pid\":1,\"language\":\"python\","
            + "\"version\":\"3.11.7\",\"capabilities\":[],\"tools\":[]}";
    String warden =
        "{\"protocol\":1,\"token\":\"guessed\",\"pid\":1,\"ticks\":1,\"version\":\"3.11.7\"}";
    return Stream.of(
        frame(hello.length(), HELLO, 0, 0, hello),
        frame(warden.length(), WARDEN_HELLO, 0, 0, warden),
        frame(2, HELLO, 0, 0, "{}"),
        frame(2, 3, 0, 0, "{}"),
        frame((1 << 20) + 1, HELLO, 0, 0, ""),
        frame(1 << 31, HELLO, 0, 0, ""),
        "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".getBytes(US_ASCII));
  }

  @ParameterizedTest
  @MethodSource("intrusions")
  void aStrangerIsRefusedWithoutAnAnswerAndThePoolGoesOn(byte[] bytes) throws IOException {
    try (SocketChannel stranger = dial("s")) {
      assertThat(answerTo(stranger, bytes)).isEqualTo(-1);
    }
    assertThat(pool.call("echo", Map.of("value", 1), Integer.class)).isEqualTo(1);
    assertThat(pool.stats().restarts()).isZero();
  }

  @Test
  void aStrangerOnALifelineHarmsNobody() throws IOException {
    try (SocketChannel stranger = dial("l")) {
      stranger.write(ByteBuffer.wrap(new byte[100]));
      assertThat(pool.call("echo", Map.of("value", 1), Integer.class)).isEqualTo(1);
      assertThat(pool.stats().restarts()).isZero();
    }
  }

  @Test
  void whatStrangersAndBrokenWorkersClaimDoesNotGrowTheHeap() throws IOException {
    long before = usedAfterGc();
    for (int i = 0; i < 300; i++) {
      try (SocketChannel stranger = dial("s")) {
        stranger.write(ByteBuffer.wrap(frame(1 << 20, HELLO, 0, 0, "x".repeat(10_000))));
      }
    }
    for (int i = 0; i < 5; i++) {
      var claim = pool.tool("write_to_connection").args(frame(1 << 30, 3, 0, 0, "[1,"), true);
      Trouble.failure(WorkerDiedException.class, () -> claim.call(Object.class));
    }
    Trouble.awaitWhole(pool);
    assertThat(usedAfterGc() - before).isLessThan(GROWTH_MAX);
  }

  private static long usedAfterGc() {
    var memory = ManagementFactory.getMemoryMXBean();
    memory.gc();
    return memory.getHeapMemoryUsage().getUsed();
  }

  private static int answerTo(SocketChannel stranger, byte[] bytes) {
    try {
      stranger.write(ByteBuffer.wrap(bytes));
      return stranger.read(ByteBuffer.allocate(1));
    } catch (IOException e) {
      return -1; // closed with bytes of ours unread, which the kernel calls a reset
    }
  }

  private SocketChannel dial(String socket) throws IOException {
    return SocketChannel.open(UnixDomainSocketAddress.of(sockets().resolve(socket)));
  }

  /// Where it says so itself.
  private Path sockets() {
    String details =
        Trouble.text(home.resolve("runs").resolve(runtime.runId()).resolve("run.json"));
    Matcher matcher = Pattern.compile("\"sockets\":\"(?:file://)?([^\"]+)\"").matcher(details);
    assertThat(matcher.find()).as(details).isTrue();
    return Path.of(matcher.group(1));
  }
}
