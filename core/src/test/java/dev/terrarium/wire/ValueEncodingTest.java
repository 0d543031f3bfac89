package dev.terrarium.wire;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.terrarium.ValueException;
import dev.terrarium.wire.Messages.Call;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Date;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class ValueEncodingTest {
  private final ValueCodec codec = new ValueCodec();

  enum Colour {
    RED,
    GREEN;

    @Override
    public String toString() {
      return "a nice colour";
    }
  }

  record Item(String name, @Nullable Object when) {}

  record Order(List<Item> items) {}

  record Nothing() {}

  static final class Bean {
    public String getZ() {
      return "z";
    }

    public int getA() {
      return 1;
    }
  }

  static final class Closed {
    @SuppressWarnings("unused")
    private final int secret = 1;
  }

  @SuppressWarnings("DoNotCallSuggester")
  static final class Broken {
    public String getName() {
      throw new IllegalStateException("not today");
    }
  }

  static final class Knot {
    @Nullable Knot other;

    public @Nullable Knot getOther() {
      return other;
    }
  }

  private String json(@Nullable Object value) {
    Encoded encoded = codec.encode(value);
    assertThat(encoded.attachments()).isEmpty();
    return new String(encoded.json(), UTF_8);
  }

  private String refusal(@Nullable Object value) {
    var thrown = catchThrowableOfType(ValueException.class, () -> codec.encode(value));
    assertThat(thrown).isNotNull();
    return String.valueOf(thrown.getMessage());
  }

  @Test
  void writesWhatJsonKnows() {
    assertThat(json(null)).isEqualTo("null");
    assertThat(json(Arrays.asList(1, 2L, true, null, "x", 'c', 1.5, 0.1f)))
        .isEqualTo("[1,2,true,null,\"x\",\"c\",1.5,0.1]");
    assertThat(json(new int[] {1, 2})).isEqualTo("[1,2]");
    assertThat(json("tiefgr\u00fcndig \ud83d\udc0d \"quoted\" \n"))
        .isEqualTo("\"tiefgr\u00fcndig \ud83d\udc0d \\\"quoted\\\" \\n\"");
  }

  @Test
  void writesHalfACharacterAsPythonDoes() {
    assertThat(json("a\ud800b")).isEqualTo("\"a\\uD800b\"");
  }

  @Test
  void writesTheThreeWordsThatAreNumbers() {
    assertThat(json(List.of(Double.NaN, Double.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY)))
        .isEqualTo("[NaN,Infinity,-Infinity]");
  }

  @Test
  void writesRecordsAndBeansInTheirOrder() {
    assertThat(json(new Item("x", null))).isEqualTo("{\"name\":\"x\",\"when\":null}");
    assertThat(json(new Bean())).isEqualTo("{\"z\":\"z\",\"a\":1}");
    assertThat(json(new Nothing())).isEqualTo("{}");
  }

  @Test
  @SuppressWarnings("JavaUtilDate")
  void writesTimeAsIsoText() {
    assertThat(json(Instant.EPOCH)).isEqualTo("\"1970-01-01T00:00:00Z\"");
    assertThat(json(LocalDate.of(2026, 11, 21))).isEqualTo("\"2026-11-21\"");
    assertThat(json(OffsetDateTime.parse("2026-11-21T10:00:00+02:00")))
        .isEqualTo("\"2026-11-21T10:00:00+02:00\"");
    assertThat(json(Duration.ofMillis(1500))).isEqualTo("\"PT1.5S\"");
    assertThat(json(new Date(0))).startsWith("\"1970-01-01T00:00:00");
  }

  @Test
  void writesEnumsByNameAndOptionalsByContent() {
    assertThat(json(List.of(Colour.RED))).isEqualTo("[\"RED\"]");
    assertThat(json(Optional.of(Colour.GREEN))).isEqualTo("\"GREEN\"");
    assertThat(json(Optional.empty())).isEqualTo("null");
    assertThat(json(new Item("x", Optional.of(3)))).isEqualTo("{\"name\":\"x\",\"when\":3}");
    assertThat(json(new EnumMap<>(Map.of(Colour.RED, 1)))).isEqualTo("{\"RED\":1}");
    assertThat(json(Map.of(Colour.RED, Set.of(1)))).isEqualTo("{\"RED\":[1]}");
  }

  @Test
  void writesPathsAsPlainText() {
    assertThat(json(Path.of("/tmp/x y"))).isEqualTo("\"/tmp/x y\"");
  }

  @Test
  void escapesKeysThatBeginWithADollar() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("$bytes", 0);
    map.put("$$", Map.of("$x", "$y"));
    map.put("a$", 1);
    assertThat(json(map)).isEqualTo("{\"$$bytes\":0,\"$$$\":{\"$$x\":\"$y\"},\"a$\":1}");
  }

  @Test
  void writesIntegersOfUpToTheLimit() {
    BigInteger largest = BigInteger.TEN.pow(4_300).subtract(BigInteger.ONE);
    assertThat(json(largest)).hasSize(4_300);
    assertThat(json(largest.negate())).hasSize(4_301);
    assertThat(json(new BigDecimal("1.250"))).isEqualTo("{\"$decimal\":\"1.250\"}");
    assertThat(refusal(List.of(largest.add(BigInteger.ONE))))
        .isEqualTo("value[0]: an integer of more than 4,300 digits");
    assertThat(refusal(new BigDecimal(largest.add(BigInteger.ONE)))).contains("4,300");
  }

  @Test
  void keepsADecimalThatIsPastTheRangeOfAFloat() {
    assertThat(json(List.of(new BigDecimal("1e400")))).isEqualTo("[{\"$decimal\":\"1E+400\"}]");
  }

  @Test
  void takesBytesAtAnyDepthAsAttachments() {
    ByteBuffer buffer = ByteBuffer.wrap(new byte[] {9, 3, 4, 9}, 1, 2);
    MemorySegment heap = MemorySegment.ofArray(new byte[] {5}).asSlice(0, 1);
    byte[] array = {1, 2};
    Encoded encoded =
        codec.encode(List.of(array, Map.of("deep", new Item("x", buffer)), heap, new byte[0]));
    assertThat(new String(encoded.json(), UTF_8))
        .isEqualTo(
            "[{\"$bytes\":0},{\"deep\":{\"name\":\"x\",\"when\":{\"$bytes\":1}}},{\"$bytes\":2},{\"$bytes\":3}]");
    assertThat(bytes(encoded))
        .containsExactly(new byte[] {1, 2}, new byte[] {3, 4}, new byte[] {5}, new byte[0]);
    assertThat(buffer.position()).isEqualTo(1);
    assertThat(encoded.attachments().getFirst().array()).isSameAs(array);
  }

  @Test
  void copiesMemoryThatMayBeFreedBeforeItIsSent() {
    Encoded encoded;
    try (var arena = Arena.ofConfined()) {
      MemorySegment segment = arena.allocateFrom(ValueLayout.JAVA_BYTE, new byte[] {1, 2});
      encoded = codec.encode(List.of(segment, segment.asByteBuffer()));
    }
    assertThat(bytes(encoded)).containsExactly(new byte[] {1, 2}, new byte[] {1, 2});
  }

  @Test
  void sendsDirectBuffersAsTheyAre() {
    ByteBuffer direct = ByteBuffer.allocateDirect(3);
    assertThat(codec.encode(direct).attachments().getFirst().isDirect()).isTrue();
  }

  private static List<byte[]> bytes(Encoded encoded) {
    List<byte[]> all = new ArrayList<>();
    for (ByteBuffer attachment : encoded.attachments()) {
      byte[] bytes = new byte[attachment.remaining()];
      attachment.duplicate().get(bytes);
      all.add(bytes);
    }
    return all;
  }

  @Test
  void refusesWhatItCannotCarryByTypeAndPath() {
    var order = new Order(List.of(new Item("a", 1), new Item("b", Thread.currentThread())));
    assertThat(refusal(order))
        .startsWith("value.items[1].when: a java.lang.Thread cannot be sent; ");
    assertThat(refusal(new Object())).startsWith("value: a java.lang.Object cannot be sent");
    assertThat(refusal(Map.of("odd key", List.of(new Object[] {new Random()}))))
        .startsWith("value[\"odd key\"][0]: a java.util.Random cannot be sent");
    assertThat(refusal(Set.of(new ReentrantLock()))).startsWith("value[0]: a java");
    assertThat(refusal(Optional.of(new Throwable()))).startsWith("value: a java.lang.Throwable");
    assertThat(refusal(new Closed())).contains("Closed cannot be sent: it has no properties");
    Runnable lambda = () -> {};
    assertThat(refusal(List.of(lambda))).contains("cannot be sent");
    assertThat(refusal(new Broken())).startsWith("value.name: ").contains("not today");
  }

  @Test
  void refusesKeysThatAreNotText() {
    assertThat(refusal(Map.of("x", Map.of(1, 2))))
        .contains("a key that is a java.lang.Integer cannot be sent; keys are text");
    Map<Object, Object> mixed = new LinkedHashMap<>();
    mixed.put("a", 1);
    mixed.put(2.5, 1);
    assertThat(refusal(mixed)).contains("a key that is a java.lang.Double");
    mixed.remove(2.5);
    mixed.put(null, 1);
    assertThat(refusal(mixed))
        .isEqualTo(
            "value.null: a key that is null cannot be sent; keys are text, leave such an entry"
                + " out");
    assertThat(refusal(Map.of(UUID.randomUUID(), 1))).contains("java.util.UUID");
    assertThat(refusal(Map.of(new byte[0], 1))).contains("a key that is a byte[]");
  }

  @Test
  void refusesCycles() {
    Map<String, Object> map = new HashMap<>();
    map.put("self", new ArrayList<>(List.of(map)));
    assertThat(refusal(map))
        .startsWith("value.self[0].self[0]")
        .contains("[...]")
        .contains("cycle");
    var knot = new Knot();
    knot.other = knot;
    assertThat(refusal(knot)).contains("cycle");
    var list = new ArrayList<Object>();
    list.add(list);
    assertThat(refusal(list)).contains("cycle");
  }

  private Encoded encode(Call call) {
    return codec.encode(call, MemoryFiles.none());
  }

  @ParameterizedTest
  @ValueSource(ints = {500, 501})
  void nestsUpToTheLimit(int depth) {
    Object value = 1;
    for (int i = 0; i < depth; i++) {
      value = List.of(value);
    }
    var call = new Call("t", List.of(value), Map.of());
    if (depth <= Limits.NESTING_MAX) {
      assertThat(encode(call).json()).hasSizeGreaterThan(1_000);
    } else {
      assertThatThrownBy(() -> encode(call)).hasMessageContaining("500 deep");
    }
  }

  @Test
  void writesCallsWithoutWhatIsAbsent() {
    assertThat(new String(encode(new Call("add", List.of(1, 2), Map.of())).json(), UTF_8))
        .isEqualTo("{\"tool\":\"add\",\"args\":[1,2]}");
    assertThat(new String(encode(new Call("add", List.of(), Map.of("a", List.of()))).json(), UTF_8))
        .isEqualTo("{\"tool\":\"add\",\"named\":{\"a\":[]}}");
  }

  @Test
  void namesTheArgumentThatCannotBeSent() {
    var order = new Order(List.of(new Item("a", 1), new Item("b", new Object())));
    assertThatThrownBy(() -> encode(new Call("t", List.of(order), Map.of())))
        .hasMessageStartingWith("args[0].items[1].when: a java.lang.Object cannot be sent");
    assertThatThrownBy(() -> encode(new Call("t", List.of(), Map.of("text", order))))
        .hasMessageStartingWith("named.text.items[1].when: a java.lang.Object cannot be sent");
  }

  @Test
  void refusesMoreAttachmentsThanATableHolds() {
    byte[] empty = {};
    List<byte[]> most = Collections.nCopies(65_535, empty);
    assertThat(codec.encode(most).attachments()).hasSize(65_535);
    assertThat(refusal(Collections.nCopies(65_536, empty))).contains("65,535");
  }

  @Test
  @SuppressWarnings("restricted")
  void refusesTooLargeAnAttachmentWithoutTouchingIt() {
    MemorySegment huge = MemorySegment.NULL.reinterpret((1L << 30) + 1);
    assertThat(refusal(Map.of("image", huge)))
        .isEqualTo("value.image: 1,073,741,825 bytes, the limit is 1,073,741,824");
  }
}
