package dev.terrarium;

import static dev.terrarium.Trouble.failure;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.util.Date;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// The guide's table of values, each row in both directions: nothing changes on its way without a
/// word. Money lost its last digits, a type's name its place in a list, and an integer beyond 2^53
/// was rounded into a `double`, before these were asked for.
@Timeout(90)
final class ValueTableTest {
  private static final String ADAPTER =
      """
      import datetime, decimal, enum, pathlib, uuid
      from dataclasses import dataclass
      from typing import Optional
      from terrarium import tool

      class Color(enum.Enum):
          RED = "red"
          GREEN = 2

      @dataclass
      class All:
          color: Color
          when: datetime.datetime
          day: datetime.date
          at: datetime.time
          long: datetime.timedelta
          price: decimal.Decimal
          key: uuid.UUID
          file: pathlib.Path
          tags: set
          pair: tuple
          color_or_none: Optional[Color] = None

      @tool
      def echo(value):
          return value

      @tool
      def described(value):
          return f"{type(value).__name__} {value!r}"

      @tool
      def all_of(all: All) -> All:
          kinds = [type(getattr(all, name)).__name__ for name in vars(all)]
          assert kinds == ["Color", "datetime", "date", "time", "timedelta", "Decimal", "UUID",
                           "PosixPath", "set", "tuple", "Color"], kinds
          return all

      @tool
      def made(text: str):
          return eval(text)

      @tool
      def taken(when: Optional[datetime.datetime] = None, day: Optional[datetime.date] = None,
                long: Optional[datetime.timedelta] = None, price: Optional[decimal.Decimal] = None):
          raise AssertionError("none of them fits")

      @tool
      def paint(color: Color) -> str:
          return color.name
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

  enum Color {
    RED,
    GREEN
  }

  static Stream<Arguments> javaValues() {
    return Stream.of(
        arguments("text", "str 'text'"),
        arguments('c', "str 'c'"),
        arguments(true, "bool True"),
        arguments(1 << 30, "int 1073741824"),
        arguments(1L << 60, "int 1152921504606846976"),
        arguments(BigInteger.TWO.pow(80), "int 1208925819614629174706176"),
        arguments(0.1, "float 0.1"),
        arguments(
            new BigDecimal("12345678901234567.89"), "Decimal Decimal('12345678901234567.89')"),
        arguments(new BigDecimal("1.10"), "Decimal Decimal('1.10')"),
        arguments(new BigDecimal("7"), "Decimal Decimal('7')"),
        arguments(Color.RED, "str 'RED'"),
        arguments(Instant.EPOCH, "str '1970-01-01T00:00:00Z'"),
        arguments(LocalDate.EPOCH, "str '1970-01-01'"),
        arguments(Duration.ofMinutes(90), "str 'PT1H30M'"),
        arguments(new UUID(0, 7), "str '00000000-0000-0000-0000-000000000007'"),
        arguments(Path.of("/a/b"), "str '/a/b'"),
        arguments(Optional.of(1), "int 1"),
        arguments(List.of(1), "list [1]"),
        arguments(Set.of(1), "list [1]"),
        arguments(new int[] {1}, "list [1]"),
        arguments(Map.of("a", new BigDecimal("0.5")), "dict {'a': Decimal('0.5')}"),
        arguments(new byte[] {1}, "bytes b'\\x01'"));
  }

  @ParameterizedTest
  @MethodSource("javaValues")
  void whatJavaSendsPythonSees(Object value, String seen) {
    assertThat(pool.tool("described").args(value).call(String.class)).isEqualTo(seen);
    if (!(value instanceof Optional<?>)) {
      assertThat(pool.tool("echo").args(value).call(typeOf(value))).isEqualTo(value);
    }
  }

  /// What one asks for who wants such a value.
  private static Class<?> typeOf(Object value) {
    return Stream.of(Path.class, List.class, Set.class, Map.class)
        .<Class<?>>map(type -> type)
        .filter(type -> type.isInstance(value))
        .findFirst()
        .orElse(value.getClass());
  }

  static Stream<Arguments> pythonValues() {
    return Stream.of(
        arguments("decimal.Decimal('1.10')", BigDecimal.class, new BigDecimal("1.10")),
        arguments("decimal.Decimal('1E+400')", BigDecimal.class, new BigDecimal("1E+400")),
        arguments("decimal.Decimal('1.10')", Object.class, new BigDecimal("1.10")),
        arguments("0.1", BigDecimal.class, new BigDecimal("0.1")),
        arguments("2 ** 53", Double.class, 9007199254740992.0),
        arguments("-2 ** 53", double.class, -9007199254740992.0),
        arguments("2 ** 24", Float.class, 16777216f),
        arguments("1e300", Double.class, 1e300),
        arguments("Color.GREEN", Color.class, Color.GREEN),
        arguments("Color.GREEN", String.class, "GREEN"),
        arguments(
            "datetime.datetime(2026, 12, 1, 3, 4, 5, 6, datetime.timezone.utc)",
            Instant.class,
            Instant.parse("2026-12-01T03:04:05.000006Z")),
        arguments(
            "datetime.datetime(2026, 12, 1, 3,"
                + " tzinfo=datetime.timezone(datetime.timedelta(hours=2)))",
            OffsetDateTime.class,
            OffsetDateTime.parse("2026-12-01T03:00:00+02:00")),
        arguments(
            "datetime.datetime(2026, 12, 1, 3)",
            LocalDateTime.class,
            LocalDateTime.parse("2026-12-01T03:00:00")),
        arguments("datetime.date(2026, 12, 1)", LocalDate.class, LocalDate.parse("2026-12-01")),
        arguments("datetime.time(3, 4, 5)", LocalTime.class, LocalTime.parse("03:04:05")),
        arguments(
            "datetime.timedelta(days=-1, microseconds=5)",
            Duration.class,
            Duration.ofDays(-1).plusNanos(5_000)),
        arguments("uuid.UUID(int=7)", UUID.class, new UUID(0, 7)),
        arguments("pathlib.Path('/a')", Path.class, Path.of("/a")),
        arguments("{'a'}", Set.class, Set.of("a")),
        arguments("(1, 'a')", List.class, List.of(1, "a")));
  }

  @ParameterizedTest
  @MethodSource("pythonValues")
  void whatPythonSendsJavaSees(String expression, Class<?> type, Object seen) {
    assertThat(pool.tool("made").args(expression).call(type)).isEqualTo(seen);
  }

  @Test
  void aDataclassHasFieldsOfAllTheseTypesBothWays() {
    Map<String, Object> sent =
        Map.ofEntries(
            Map.entry("color", Color.RED),
            Map.entry("when", LocalDateTime.parse("2026-12-01T03:04:05.000006")),
            Map.entry("day", LocalDate.parse("2026-12-01")),
            Map.entry("at", LocalTime.parse("03:04")),
            Map.entry("long", Duration.ofMillis(-1500)),
            Map.entry("price", new BigDecimal("12345678901234567.89")),
            Map.entry("key", new UUID(0, 7)),
            Map.entry("file", Path.of("/a")),
            Map.entry("tags", Set.of("a")),
            Map.entry("pair", List.of(1, "b")),
            Map.entry("color_or_none", Color.GREEN));
    Map<?, ?> back = requireNonNull(pool.tool("all_of").arg("all", sent).call(Map.class));
    assertThat(back.get("price")).isEqualTo(sent.get("price"));
    assertThat(back.get("when")).isEqualTo("2026-12-01T03:04:05.000006");
    assertThat(back.get("long")).isEqualTo("PT-1.500000S");
    assertThat(back.get("tags")).isEqualTo(List.of("a"));
    assertThat(back.get("color_or_none")).isEqualTo("GREEN");
    assertThat(pool.tool("all_of").arg("all", back).call(Object.class)).isEqualTo(back);
  }

  record Amount(double value) {}

  @ParameterizedTest
  @ValueSource(strings = {"2 ** 53 + 1", "-2 ** 53 - 1", "2 ** 60", "-2 ** 63", "10 ** 30"})
  void anIntegerThatADoubleMayNotHoldIsAnError(String expression) {
    assertThat(refusal(expression, Double.class))
        .startsWith("result: the integer ")
        .endsWith(
            " is beyond 2^53, where a double loses digits; ask for long or BigInteger, or"
                + " return a float");
    assertThat(refusal("[" + expression + "]", double[].class)).contains("beyond 2^53");
    assertThat(refusal("{'value': " + expression + "}", Amount.class))
        .startsWith("result.value: the integer ");
    assertThat(refusal(expression, Float.class)).contains("beyond 2^24");
  }

  @Test
  void aDecimalIsNoDoubleWithoutBeingAsked() {
    assertThat(refusal("decimal.Decimal('0.1')", Double.class))
        .isEqualTo(
            "result: the decimal 0.1 may lose digits in a double; ask for BigDecimal, or return a"
                + " float");
    assertThat(refusal("{'value': decimal.Decimal('0.1')}", Amount.class))
        .startsWith("result.value: the decimal 0.1");
    assertThat(refusal("decimal.Decimal('7')", Integer.class))
        .startsWith("result: expected Integer");
  }

  @Test
  void aDatetimeIsReadAsNothingThatHoldsLess() {
    String naive = "datetime.datetime(2026, 12, 1, 3, 4, 5)";
    assertThat(refusal(naive, LocalDate.class))
        .isEqualTo(
            "result: expected LocalDate, but Python sent the text \"2026-12-01T03:04:05\", a"
                + " datetime without an offset; ask for LocalDateTime, or return a date");
    assertThat(refusal(naive, LocalTime.class)).endsWith("or return a time without an offset");
    assertThat(refusal(naive, Date.class)).contains("ask for LocalDateTime");
    assertThat(
            refusal("datetime.datetime(2026, 1, 1, 0, 0, 0, 1, datetime.timezone.utc)", Date.class))
        .endsWith("ask for Instant, or return a datetime with an offset and whole milliseconds");
    assertThat(refusal("1700000000", Instant.class)).contains("which has no unit");
    assertThat(refusal("1.5", Duration.class)).contains("which has no unit");
  }

  static Stream<Arguments> outOfRange() {
    return Stream.of(
        arguments("long", Duration.ofSeconds(Long.MAX_VALUE), "holds up to 999999999 days"),
        arguments("when", Instant.MAX, "the year +1000000000 is outside Python's range, 1 to 9999"),
        arguments("day", LocalDate.MIN, "the year -999999999 is outside Python's range"),
        arguments("price", "x", "'x' is no Decimal: one looks like 12.5 or 1E+3"));
  }

  @ParameterizedTest
  @MethodSource("outOfRange")
  void whatIsPastPythonsRangeIsSaidInItsUnits(String field, Object value, String message) {
    ToolCall call = pool.tool("taken").arg(field, value);
    assertThat(failure(BadArgumentException.class, () -> call.call(Map.class)))
        .hasMessageContaining(field + ": ")
        .hasMessageContaining(message);
  }

  private static String refusal(String expression, Class<?> type) {
    return String.valueOf(
        failure(ValueException.class, () -> pool.tool("made").args(expression).call(type))
            .getMessage());
  }

  @Test
  void anEnumThatPythonDoesNotHaveIsToldWhatItHas() {
    assertThat(
            failure(
                BadArgumentException.class,
                () -> pool.tool("paint").args("BLUE").call(String.class)))
        .hasMessageContaining("color: 'BLUE' is no Color; it has RED, GREEN");
    assertThat(pool.tool("paint").args(Color.GREEN).call(String.class)).isEqualTo("GREEN");
  }

  @JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "kind")
  @JsonSubTypes({
    @JsonSubTypes.Type(value = Circle.class, name = "circle"),
    @JsonSubTypes.Type(value = Group.class, name = "group")
  })
  sealed interface Shape permits Circle, Group {}

  record Circle(double r) implements Shape {}

  record Group(List<Shape> shapes, Map<String, Circle> byName, Circle first) implements Shape {}

  @Test
  void aTypesNameTravelsWhereverTheValueStands() {
    Circle circle = new Circle(1);
    assertThat(pool.tool("echo").args(circle).call(Shape.class)).isEqualTo(circle);
    assertThat(pool.tool("echo").arg("value", circle).call(Object.class))
        .isEqualTo(Map.of("kind", "circle", "r", 1.0));
    assertThat(pool.tool("echo").args(List.of(circle)).call(new TypeRef<List<Shape>>() {}))
        .isEqualTo(List.of(circle));
    assertThat(
            pool.tool("echo")
                .arg("value", Map.of("a", circle))
                .call(new TypeRef<Map<String, Shape>>() {}))
        .isEqualTo(Map.of("a", circle));
    assertThat(pool.tool("echo").args((Object) new Shape[] {circle}).call(Shape[].class))
        .containsExactly(circle);
    Group group = new Group(List.of(circle), Map.of("a", circle), circle);
    assertThat(pool.tool("echo").args(group).call(Shape.class)).isEqualTo(group);
    assertThat(requireNonNull(pool.tool("echo").args(group).call(Map.class)).get("first"))
        .isEqualTo(Map.of("kind", "circle", "r", 1.0));
  }
}
