package dev.terrarium;

import static dev.terrarium.Trouble.failure;
import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Bytes, which travel as attachments, at any depth of a value.
@Timeout(90)
final class BytesTest {
  private static final String ADAPTER =
      """
      import hashlib
      from terrarium import tool

      @tool
      def echo(value):
          return value

      @tool
      def digest(value):
          assert type(value) is bytes
          return hashlib.sha256(value).hexdigest()

      @tool
      def kinds(text: str):
          raw = text.encode()
          return [raw, bytearray(raw), memoryview(raw), memoryview(raw)[::-1], b""]

      @tool
      def zeros(count: int):
          return bytes(count)
      """;

  @TempDir private static Path directory;
  private static Pool pool;

  @BeforeAll
  static void start() {
    pool = Trouble.pool(directory, ADAPTER).start();
  }

  @AfterAll
  static void close() {
    pool.close();
  }

  private static byte[] random(int size) {
    byte[] bytes = new byte[size];
    new Random(size).nextBytes(bytes);
    return bytes;
  }

  static Stream<Object> forms() {
    byte[] bytes = random(1000);
    return Stream.of(
        bytes,
        ByteBuffer.wrap(bytes),
        ByteBuffer.wrap(Arrays.copyOf(new byte[10], 1010)).position(10).slice().put(bytes).flip(),
        ByteBuffer.allocateDirect(1000).put(bytes).flip().asReadOnlyBuffer(),
        MemorySegment.ofArray(bytes),
        MemorySegment.ofArray(Arrays.copyOf(bytes, 2000)).asSlice(0, 1000),
        Arena.ofAuto().allocate(1000).copyFrom(MemorySegment.ofArray(bytes)));
  }

  @ParameterizedTest
  @MethodSource("forms")
  void everyFormOfBytesArrivesAsBytes(Object form) {
    assertThat(echo(form, byte[].class)).isEqualTo(random(1000));
    assertThat(echo(form, ByteBuffer.class)).isEqualTo(ByteBuffer.wrap(random(1000)));
    assertThat(echo(form, MemorySegment.class).toArray(ValueLayout.JAVA_BYTE))
        .isEqualTo(random(1000));
  }

  @Test
  void aSegmentMayBeGoneAfterTheCall() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment segment = arena.allocate(100_000);
      segment.fill((byte) 7);
      assertThat(echo(segment, byte[].class)).hasSize(100_000).containsOnly(7);
    }
  }

  @Test
  void aBuffersPositionStays() {
    ByteBuffer buffer = ByteBuffer.wrap(random(10)).position(3);
    assertThat(echo(buffer, byte[].class)).isEqualTo(Arrays.copyOfRange(random(10), 3, 10));
    assertThat(buffer.position()).isEqualTo(3);
  }

  @SuppressWarnings("ArrayRecordComponent") // is what users write
  record Page(String name, byte[] content) {}

  record Book(List<Page> pages, Map<String, byte[]> extras) {}

  @Test
  void bytesStandAtAnyDepth() {
    Book book =
        new Book(
            List.of(new Page("one", random(1)), new Page("two", random(100_000))),
            Map.of("$cover", random(3), "nothing", new byte[0]));
    Book back = requireNonNull(pool.tool("echo").args(book).call(Book.class));
    assertThat(back.pages().getFirst().content()).isEqualTo(random(1));
    assertThat(back.pages().getLast().content()).isEqualTo(random(100_000));
    assertThat(back.extras().get("$cover")).isEqualTo(random(3));
    assertThat(back.extras().get("nothing")).isEmpty();
    Object untyped = echo(List.of(Map.of("deep", random(5))), Object.class);
    assertThat(((Map<?, ?>) ((List<?>) untyped).getFirst()).get("deep")).isEqualTo(random(5));
  }

  @Test
  void oneArrayMayStandThereTwiceAndManyTogether() {
    Map<String, byte[]> many = new HashMap<>();
    byte[] shared = random(10);
    for (int i = 0; i < 2_000; i++) {
      many.put("key-" + i, shared);
    }
    Map<String, byte[]> back =
        requireNonNull(
            pool.tool("echo").arg("value", many).call(new TypeRef<Map<String, byte[]>>() {}));
    assertThat(back).hasSize(2_000);
    assertThat(back.values()).allSatisfy(bytes -> assertThat(bytes).isEqualTo(shared));
  }

  @Test
  void allOfPythonsKindsOfBytesComeBack() {
    List<byte[]> kinds =
        requireNonNull(pool.tool("kinds").args("ab").call(new TypeRef<List<byte[]>>() {}));
    assertThat(kinds.stream().map(String::new)).containsExactly("ab", "ab", "ab", "ba", "");
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 4_095, 4_096, 262_144, 262_145, 64 << 20})
  void anySizeComesBackAsItWas(int size) {
    byte[] bytes = random(size);
    assertThat(Arrays.equals(echo(bytes, byte[].class), bytes)).isTrue();
  }

  /// The most that an attachment holds: about 5 GB in all, on both sides together.
  @Test
  void aGibibyteComesBackAsItWas() {
    assumeTrue(Runtime.getRuntime().maxMemory() > 4L << 30, "needs a heap of 4 GiB");
    assumeTrue(availableKib() > 7L << 20, "needs 7 GiB of free memory");
    byte[] bytes = new byte[1 << 30];
    bytes[0] = 1;
    bytes[bytes.length - 1] = 2;
    // A worker of its own, whose memory goes with it.
    try (Pool own = Pool.builder().adapter(pool.config().adapter()).name("own").size(1).start()) {
      byte[] back = requireNonNull(own.tool("echo").args(bytes).call(byte[].class));
      assertThat(Arrays.equals(back, bytes)).isTrue();
    }
  }

  private static long availableKib() {
    return Trouble.text(Path.of("/proc/meminfo"))
        .lines()
        .filter(line -> line.startsWith("MemAvailable"))
        .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
        .findFirst()
        .orElse(0);
  }

  @Test
  void oneByteMoreIsRefusedBeforeAnythingIsSent() throws IOException {
    Path file = directory.resolve("sparse");
    try (var channel = FileChannel.open(file, CREATE, READ, WRITE);
        Arena arena = Arena.ofConfined()) {
      channel.write(ByteBuffer.allocate(1), 1 << 30);
      MemorySegment much = channel.map(FileChannel.MapMode.READ_ONLY, 0, (1L << 30) + 1, arena);
      var call = pool.tool("echo").args(List.of(1, much));
      assertThat(failure(ValueException.class, () -> call.call(Object.class)))
          .hasMessage("args[0][1]: 1,073,741,825 bytes, the limit is 1,073,741,824");
    }
  }

  @Test
  void pythonRefusesWhatIsTooLargeAsWell() {
    var call = pool.tool("zeros").args((1 << 30) + 1);
    assertThat(failure(ValueException.class, () -> call.call(Object.class)))
        .hasMessageContaining("1073741825 bytes are too many");
    assertThat(pool.stats().restarts()).isZero();
  }

  private static <T> T echo(Object value, Class<T> type) {
    return requireNonNull(pool.tool("echo").args(value).call(type));
  }
}
