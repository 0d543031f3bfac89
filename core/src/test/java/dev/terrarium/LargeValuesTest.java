package dev.terrarium;

import static dev.terrarium.Trouble.failure;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Bytes around and above the size from which they travel in memory files.
@Timeout(90)
final class LargeValuesTest {
  private static final int FROM = 1 << 20;
  private static final int LARGE = 3 << 20;

  private static Pool pool;

  @BeforeAll
  static void start() {
    pool = Memory.pool().start();
  }

  @AfterAll
  static void close() {
    pool.close();
    assertThat(Memory.files()).isZero();
  }

  @AfterEach
  void nothingIsMappedAndNobodyDied() {
    assertThat(pool.stats().restarts()).isZero();
    assertThat(Memory.mappings()).isZero();
  }

  private static byte[] random(int size) {
    byte[] bytes = new byte[size];
    new Random(size).nextBytes(bytes);
    return bytes;
  }

  private static String digest(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 5, FROM - 1, FROM, FROM + 1, LARGE})
  void allTypesArriveWhole(int size) {
    byte[] bytes = random(size);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment nativeOne = arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes);
      ByteBuffer direct = ByteBuffer.allocateDirect(size).put(bytes).flip();
      ByteBuffer part = ByteBuffer.wrap(random(size + 10)).position(4).limit(4 + size);
      byte[] inPart = new byte[size];
      part.duplicate().get(inPart);
      var call =
          pool.tool("digests")
              .args(
                  List.of(
                      bytes,
                      ByteBuffer.wrap(bytes).asReadOnlyBuffer(),
                      direct,
                      nativeOne,
                      nativeOne.asReadOnly(),
                      MemorySegment.ofArray(bytes),
                      part));
      List<String> whole = List.of("bytes", digest(bytes));
      assertThat(call.call(new TypeRef<List<List<String>>>() {}))
          .containsExactly(
              whole, whole, whole, whole, whole, whole, List.of("bytes", digest(inPart)));
      assertThat(part.position()).isEqualTo(4);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 5, FROM - 1, FROM, FROM + 1, LARGE})
  void allOfPythonsTypesComeBackWhole(int size) {
    var call = pool.tool("make_types").args(size);
    Map<String, byte[]> back = requireNonNull(call.call(new TypeRef<Map<String, byte[]>>() {}));
    assertThat(new String(back.get("bytes"), US_ASCII)).isEqualTo("b".repeat(size));
    assertThat(new String(back.get("bytearray"), US_ASCII)).isEqualTo("a".repeat(size));
    assertThat(new String(back.get("memoryview"), US_ASCII)).isEqualTo("m".repeat(size));
    assertThat(new String(back.get("steps"), US_ASCII)).isEqualTo("s".repeat(size));
  }

  @SuppressWarnings("ArrayRecordComponent") // is what users write
  record Page(String name, byte[] content) {}

  @SuppressWarnings("ArrayRecordComponent")
  record Segments(List<MemorySegment> all, Map<String, ByteBuffer> buffers, byte[] copy) {}

  @Test
  void recordsHaveThem() {
    byte[] bytes = random(LARGE);
    Page back = requireNonNull(pool.tool("page").args(new Page("one", bytes)).call(Page.class));
    assertThat(back.content()[0]).isEqualTo(bytes[LARGE - 1]);
    assertThat(back.content()).hasSize(LARGE);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 5, FROM - 1, FROM, LARGE})
  void anArenaHoldsAllBytesOfAResult(int size) {
    byte[] bytes = random(size);
    var call =
        pool.tool("echo")
            .arg(
                "value",
                Map.of("all", List.of(bytes, bytes), "buffers", Map.of("b", bytes), "copy", bytes));
    Segments back;
    MemorySegment first;
    try (Arena arena = Arena.ofConfined()) {
      back = requireNonNull(call.call(Segments.class, arena));
      first = back.all().getFirst();
      assertThat(first.toArray(ValueLayout.JAVA_BYTE)).isEqualTo(bytes);
      assertThat(back.all().getLast().mismatch(first)).isEqualTo(-1);
      assertThat(back.buffers().get("b")).isEqualTo(ByteBuffer.wrap(bytes));
      assertThat(first.scope()).isEqualTo(arena.scope());
    }
    assertThat(back.copy()).isEqualTo(bytes);
    assertThatIllegalStateException()
        .isThrownBy(() -> first.toArray(ValueLayout.JAVA_BYTE))
        .withMessageContaining("closed");
    if (size > 0) {
      ByteBuffer buffer = requireNonNull(back.buffers().get("b"));
      assertThatIllegalStateException().isThrownBy(() -> buffer.get(0));
    }
  }

  @Test
  void withoutATypeTheyAreArraysOrSegmentsOfTheArena() {
    byte[] bytes = random(FROM);
    var call = pool.tool("echo").args(List.of(bytes, random(3)));
    assertThat((List<?>) call.call(Object.class)).element(0).isEqualTo(bytes);
    assertThat(
            requireNonNull(call.call(new TypeRef<List<MemorySegment>>() {})).getFirst().heapBase())
        .isPresent();
    try (Arena arena = Arena.ofShared()) {
      assertThat((List<?>) call.call(Object.class, arena))
          .allSatisfy(each -> assertThat(each).isInstanceOf(MemorySegment.class));
    }
  }

  @Test
  void anArenaMayBeSharedAutomaticOrGlobal() throws Exception {
    var call = pool.tool("make").args(LARGE);
    try (Arena arena = Arena.ofShared()) {
      var segment = requireNonNull(call.call(MemorySegment.class, arena));
      assertThat(CompletableFuture.supplyAsync(segment::byteSize).get()).isEqualTo(LARGE);
    }
    assertThat(
            requireNonNull(call.call(MemorySegment.class, Arena.ofAuto()))
                .get(ValueLayout.JAVA_BYTE, 7))
        .isZero();
    await()
        .atMost(Trouble.PATIENCE)
        .until(
            () -> {
              System.gc();
              return Memory.mappings() == 0;
            });
  }

  @ParameterizedTest
  @ValueSource(ints = {3, FROM, LARGE})
  void anArgumentsMemoryThatIsClosedOrAnothersIsRefusedWhateverItsSize(int size) throws Exception {
    MemorySegment closed;
    try (Arena arena = Arena.ofConfined()) {
      closed = arena.allocate(size);
    }
    var call = pool.tool("echo").arg("value", List.of(1, closed));
    ValueException error = Trouble.failure(ValueException.class, () -> call.call(Object.class));
    assertThat(error).hasMessage("named.value[1]: Already closed");
    assertThat(error).hasCauseInstanceOf(IllegalStateException.class);
    try (Arena mine = Arena.ofConfined()) {
      var other = pool.tool("echo").args(mine.allocate(size));
      ValueException refusal =
          Trouble.inBackground(
                  () -> Trouble.failure(ValueException.class, () -> other.call(Object.class)))
              .get();
      assertThat(refusal).hasCauseInstanceOf(WrongThreadException.class);
      assertThat(refusal.path()).isEqualTo("args[0]");
    }
  }

  @Test
  void anArenaThatIsClosedOrAnothersIsRefusedAndKeepsNothing() throws Exception {
    var call = pool.tool("make").args(LARGE);
    Arena closed = Arena.ofConfined();
    closed.close();
    assertThatIllegalStateException().isThrownBy(() -> call.call(MemorySegment.class, closed));
    try (Arena mine = Arena.ofConfined()) {
      var error =
          Trouble.inBackground(
              () -> {
                assertThatThrownBy(() -> call.call(MemorySegment.class, mine))
                    .isInstanceOf(WrongThreadException.class);
                return true;
              });
      assertThat(error.get()).isTrue();
    }
  }

  @Test
  void aSegmentThatPythonSentGoesBackToPython() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment segment = pool.tool("make").args(LARGE).call(MemorySegment.class, arena);
      assertThat(pool.tool("echo").args(segment).call(byte[].class)).isEqualTo(new byte[LARGE]);
    }
  }

  @Test
  void aResultThatIsNotOfTheWantedTypeKeepsNothing() {
    var call = pool.tool("make").args(LARGE);
    assertThat(failure(ValueException.class, () -> call.call(String.class)))
        .hasMessageContaining("expected String");
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 5, FROM, LARGE})
  void anAnnotationShowsTheMemoryItself(int size) {
    byte[] one = random(size);
    byte[] two = random(size + 1);
    var call = pool.tool("look").args(one, two).arg("named", two).arg("copy", one);
    assertThat(call.call(new TypeRef<List<List<String>>>() {}))
        .containsExactly(
            List.of("memoryview", digest(one)),
            List.of("memoryview", digest(two)),
            List.of("memoryview", digest(two)),
            List.of("bytes", digest(one)));
    var deep = pool.tool("look_deep").arg("value", Map.of("a", List.of(one)));
    assertThat(requireNonNull(deep.call(new TypeRef<List<List<Object>>>() {})).getFirst())
        .containsExactly("memoryview", true, one);
  }

  @ParameterizedTest
  @ValueSource(ints = {5, LARGE})
  void aToolMayReturnWhatItWasShown(int size) {
    byte[] bytes = random(size);
    List<byte[]> back =
        requireNonNull(pool.tool("echo_view").args(bytes).call(new TypeRef<List<byte[]>>() {}));
    assertThat(back.get(0)).isEqualTo(bytes);
    assertThat(back.get(1)).containsExactly(bytes[1], bytes[2]);
    assertThat(back.get(2)[size - 1]).isEqualTo(bytes[0]);
    assertThat(pool.tool("echo_view_async").args(bytes).call(byte[].class)).isEqualTo(bytes);
  }

  @ParameterizedTest
  @ValueSource(ints = {5, LARGE})
  void aViewThatIsUsedAfterItsCallIsAClearError(int size) {
    pool.tool("keep_view").args(random(size)).call(Object.class);
    assertReleased();
    var call = pool.tool("fail_with_view").args(random(size));
    assertThat(failure(ToolException.class, () -> call.call(Object.class)))
        .hasMessageContaining("of " + size + " bytes");
    assertReleased();
  }

  private static void assertReleased() {
    assertThat(
            failure(ToolException.class, () -> pool.call("first_of_kept", Map.of(), byte[].class))
                .python()
                .message())
        .contains("operation forbidden on released memoryview object");
  }

  @Test
  void whatAToolKeepsOfAViewIsNeverOverwritten() {
    byte[] first = random(LARGE);
    pool.tool("keep_slice").args(first).call(Object.class);
    assertKeptThroughOtherCalls(first);
    byte[] second = random(LARGE);
    var call = pool.tool("keep_slice_and_fail").args(second);
    failure(ToolException.class, () -> call.call(Object.class));
    assertKeptThroughOtherCalls(second);
  }

  private static void assertKeptThroughOtherCalls(byte[] bytes) {
    for (int i = 0; i < 5; i++) {
      pool.tool("echo").args(random(LARGE + i)).call(byte[].class);
    }
    assertThat(pool.call("first_of_kept", Map.of(), byte[].class))
        .containsExactly(bytes[0], bytes[1], bytes[2], bytes[3], bytes[4]);
  }

  @Test
  void memoryIsUsedAgain() {
    byte[] bytes = random(LARGE);
    pool.tool("echo").args(bytes).call(byte[].class);
    int there = requireNonNull(pool.call("files", Map.of(), Integer.class));
    long here = Memory.files();
    for (int i = 0; i < 20; i++) {
      pool.tool("echo").args(bytes).call(byte[].class);
    }
    assertThat(pool.call("files", Map.of(), Integer.class)).isEqualTo(there).isPositive();
    assertThat(Memory.files()).isEqualTo(here).isPositive();
  }

  @Test
  void manyCallsAtOnceDoNotMeet() {
    try (Pool wide = Memory.pool().name("wide").size(2).start()) {
      List<CompletableFuture<byte[]>> all =
          java.util.stream.IntStream.range(0, 40)
              .mapToObj(i -> wide.tool("echo").args(random(FROM + i)).callAsync(byte[].class))
              .toList();
      for (int i = 0; i < all.size(); i++) {
        assertThat(all.get(i).join()).isEqualTo(random(FROM + i));
      }
    }
  }
}
