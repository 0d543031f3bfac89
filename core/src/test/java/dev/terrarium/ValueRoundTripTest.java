package dev.terrarium;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Values from Java to Python and back, unchanged.
@Timeout(90)
final class ValueRoundTripTest {
  private static final String ADAPTER =
      """
      from dataclasses import dataclass, field
      from typing import List, Optional
      from terrarium import tool

      @dataclass
      class Point:
          x: int
          y: int = 0

      @dataclass
      class Route:
          name: str
          points: List[Point]
          end: Optional[Point] = None

      @tool
      def echo(value=None):
          return value

      @tool
      def type_of(value):
          return type(value).__name__

      @tool
      def text_of(value):
          return repr(value)

      @tool
      def reverse(route: Route) -> Route:
          assert all(isinstance(point, Point) for point in route.points)
          return Route(route.name, route.points[::-1], route.points[0])

      @tool
      def nested(depth: int):
          value = []
          for _ in range(depth - 1):
              value = [value]
          return value

      @tool
      def power(digits: int):
          return 10 ** digits - 1

      @tool
      def nothing():
          pass
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

  static Stream<Object> scalars() {
    BigInteger most = BigInteger.TEN.pow(4_300).subtract(BigInteger.ONE);
    return Stream.of(
        true,
        false,
        "",
        "text with \u0000, \n, \" and \\",
        "emoji \uD83D\uDE00, \u00E9, \u4E2D\u6587, \u2028, a last plane \uDBFF\uDFFF",
        "$bytes",
        "x".repeat(100_000),
        0,
        -1,
        Integer.MAX_VALUE,
        Integer.MIN_VALUE,
        1L << 31,
        -(1L << 31) - 1,
        Long.MAX_VALUE,
        Long.MIN_VALUE,
        BigInteger.TWO.pow(63),
        BigInteger.TWO.pow(63).negate().subtract(BigInteger.ONE),
        BigInteger.TWO.pow(64),
        most,
        most.negate(),
        0.1,
        -0.0,
        0.0,
        Double.MIN_VALUE,
        Double.MAX_VALUE,
        1e22,
        Double.NaN,
        Double.POSITIVE_INFINITY,
        Double.NEGATIVE_INFINITY);
  }

  @ParameterizedTest
  @MethodSource("scalars")
  void aScalarComesBackAsItWas(Object value) {
    assertThat(echo(value)).isEqualTo(value);
    assertThat(echo(List.of(value, Map.of("key", value))))
        .isEqualTo(List.of(value, Map.of("key", value)));
  }

  @Test
  void pythonSeesWhatJavaMeans() {
    assertThat(call("text_of", -0.0, String.class)).isEqualTo("-0.0");
    assertThat(call("text_of", Double.MIN_VALUE, String.class)).isEqualTo("5e-324");
    assertThat(call("text_of", 1.0, String.class)).isEqualTo("1.0");
    assertThat(call("text_of", 0.1f, String.class)).isEqualTo("0.1");
    assertThat(call("text_of", new BigDecimal("1.50"), String.class)).isEqualTo("Decimal('1.50')");
    assertThat(call("text_of", true, String.class)).isEqualTo("True");
    assertThat(call("type_of", null, String.class)).isEqualTo("NoneType");
    assertThat(call("type_of", 'c', String.class)).isEqualTo("str");
    assertThat(call("type_of", Optional.empty(), String.class)).isEqualTo("NoneType");
    assertThat(call("type_of", new int[] {1}, String.class)).isEqualTo("list");
  }

  @Test
  void noneIsNullWhateverTheType() {
    assertThat(echo(null)).isNull();
    assertThat(pool.tool("nothing").call(String.class)).isNull();
    assertThat(pool.tool("nothing").call(Route.class)).isNull();
    assertThat(pool.tool("nothing").call(byte[].class)).isNull();
    assertThat(pool.tool("nothing").call(new TypeRef<List<String>>() {})).isNull();
    assertThat(echo(Arrays.asList(1, null))).isEqualTo(Arrays.asList(1, null));
  }

  record Point(int x, int y) {}

  record Route(String name, List<Point> points, @Nullable Point end) {}

  @Test
  void aRecordIsADataclassOverThere() {
    Route route = new Route("home", List.of(new Point(1, 2), new Point(-3, 4)), null);
    assertThat(pool.tool("reverse").args(route).call(Route.class))
        .isEqualTo(new Route("home", List.of(new Point(-3, 4), new Point(1, 2)), new Point(1, 2)));
    assertThat(pool.tool("echo").args(route).call(Route.class)).isEqualTo(route);
  }

  @Test
  void aMapIsADataclassAsWellAndItsDefaultsHold() {
    Map<String, ?> route = Map.of("name", "way", "points", List.of(Map.of("x", 7)));
    assertThat(pool.tool("reverse").arg("route", route).call(Route.class))
        .isEqualTo(new Route("way", List.of(new Point(7, 0)), new Point(7, 0)));
  }

  @Test
  void mapsKeepTheirOrderAndAnyTextForAKey() {
    Map<String, Object> map = new LinkedHashMap<>();
    for (String key : List.of("z", "a", "", "$bytes", "$", "$$ref", "$$$", "\uD83D\uDE00", "a.b")) {
      map.put(key, key.length());
    }
    map.put("inner", new LinkedHashMap<>(map));
    Map<?, ?> back = requireNonNull((Map<?, ?>) echo(map));
    assertThat(back).isEqualTo(map);
    assertThat(back.keySet().stream().map(Object::toString))
        .containsExactlyElementsOf(map.keySet());
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 499, 500})
  void listsNestFiveHundredDeepInBothDirections(int depth) {
    Object nested = nested(depth);
    assertThat(nested.equals(echo(nested))).isTrue();
    assertThat(nested.equals(pool.tool("nested").args(depth).call(Object.class))).isTrue();
  }

  static Object nested(int depth) {
    List<Object> value = new ArrayList<>();
    for (int i = 1; i < depth; i++) {
      value = new ArrayList<>(List.of(value));
    }
    return value;
  }

  @Test
  void theLongestIntegerComesFromPython() {
    assertThat(pool.tool("power").args(4_300).call(BigInteger.class))
        .isEqualTo(new BigInteger("9".repeat(4_300)));
  }

  private static @Nullable Object echo(@Nullable Object value) {
    return call("echo", value, Object.class);
  }

  private static <T> @Nullable T call(String tool, @Nullable Object value, Class<T> type) {
    return pool.tool(tool).args(new @Nullable Object[] {value}).call(type);
  }
}
