package dev.terrarium;

import static dev.terrarium.Trouble.failure;
import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigInteger;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/// What the wire cannot carry is refused by the side that should send it, with type and path.
@Timeout(90)
final class RefusedValueTest {
  private static final String ADAPTER =
      """
      import datetime
      from dataclasses import dataclass
      from terrarium import tool

      class Plain:
          pass

      @dataclass
      class Order:
          items: list

      @tool
      def echo(value=None):
          return value

      @tool
      def evaluate(text: str):
          return eval(text)

      @tool
      def nested(depth: int):
          value = []
          for _ in range(depth - 1):
              value = [value]
          return value

      @tool
      def cycle():
          value = {"name": "loop"}
          value["self"] = [value]
          return value
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

  static Stream<Arguments> unsendable() {
    List<Object> cycle = new ArrayList<>();
    cycle.add(cycle);
    BigInteger tooLong = BigInteger.TEN.pow(4_300);
    return Stream.of(
        Arguments.of(new Object(), "args[0]", "java.lang.Object"),
        Arguments.of(List.of(1, Thread.currentThread()), "args[0][1]", "Thread"),
        Arguments.of(Map.of("a", List.of(Map.of("b", new Object()))), "args[0].a[0].b", "Object"),
        Arguments.of(Map.of(1, "one"), "args[0]", "java.lang.Integer"),
        Arguments.of(List.of(Map.of(1.5, "one")), "args[0][0]", "java.lang.Double"),
        Arguments.of(
            Collections.singletonMap(null, 1), "args[0].null", "a key that is null cannot be sent"),
        Arguments.of(tooLong, "args[0]", "4,300 digits"),
        Arguments.of(Map.of("n", tooLong.negate()), "args[0].n", "4,300 digits"),
        Arguments.of(ValueRoundTripTest.nested(501), "args[0][0]", "500 deep"),
        Arguments.of(cycle, "args[0][0]", "cycle"));
  }

  @ParameterizedTest
  @MethodSource("unsendable")
  void javaRefusesToSendIt(Object value, String path, String type) {
    var call = pool.tool("echo").args(value);
    ValueException error = failure(ValueException.class, () -> call.call(Object.class));
    assertThat(error.path()).startsWith(path);
    assertThat(error).hasMessageStartingWith(path).hasMessageContaining(type);
    assertThat(pool.tool("echo").args("fine").call(String.class)).isEqualTo("fine");
  }

  @Test
  void aNamedArgumentIsNamedInThePath() {
    var call = pool.tool("echo").arg("value", Map.of("when", new Object()));
    assertThat(failure(ValueException.class, () -> call.call(Object.class)).path())
        .isEqualTo("named.value.when");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          {"a": [Plain()]}                             | value.a[0]: an adapter.Plain cannot be sent
          [0, datetime.timezone.utc]                   | value[1]: a datetime.timezone cannot be sent
          Order([{"when": range(3)}])                  | value.items[0].when: a range cannot be sent; send a list: list(...)
          {1: "one"}                                   | value: an int cannot be sent as a key: 1; keys are text, use str(...)
          {"a": {(1, 2): 3}}                           | value.a: a tuple cannot be sent as a key: (1, 2)
          {"n": 10 ** 4300}                            | value.n: an integer of more than 4300 digits cannot be sent
          [-10 ** 4300]                                | value[0]: an integer of more than 4300 digits cannot be sent
          ["\\ud800"]                                  | value[0]: text with half a surrogate pair
          1j                                           | value: a complex cannot be sent; send its .real and .imag
          """)
  void pythonRefusesToSendIt(String expression, String message) {
    var call = pool.tool("evaluate").args(expression);
    ValueException error = failure(ValueException.class, () -> call.call(Object.class));
    assertThat(error).hasMessageContaining(message);
    assertThat(error).hasMessageContaining("evaluate");
    assertThat(pool.stats().restarts()).isZero();
  }

  @Test
  void pythonRefusesWhatNestsTooDeepOrInItself() {
    var deep = pool.tool("nested").args(501);
    assertThat(failure(ValueException.class, () -> deep.call(Object.class)))
        .hasMessageContaining("value[0][0]")
        .hasMessageContaining("500 deep");
    assertThat(failure(ValueException.class, () -> pool.tool("cycle").call(Object.class)))
        .hasMessageContaining("value.self[0]: a dict that contains itself cannot be sent");
  }

  record Point(int x, int y) {}

  record Line(List<Point> points) {}

  enum Colour {
    RED,
    GREEN
  }

  static Stream<Arguments> unfit() {
    return Stream.of(
        Arguments.of("a", Integer.class, "result", "the text \"a\""),
        Arguments.of(1, String.class, "result", "the number 1"),
        Arguments.of(1.5, Long.class, "result", "the number 1.5"),
        Arguments.of(1L << 40, Integer.class, "result", "1099511627776"),
        Arguments.of("YQ==", byte[].class, "result", "the text \"YQ==\""),
        Arguments.of("BLUE", Colour.class, "result", "[RED, GREEN]"),
        Arguments.of(List.of(1), Point.class, "result", "a list of 1"),
        Arguments.of(Map.of("x", 1, "y", "2"), Point.class, "result.y", "the text \"2\""),
        Arguments.of(
            Map.of("points", List.of(Map.of("x", 1, "y", 2), Map.of("x", true, "y", 2))),
            Line.class,
            "result.points[1].x",
            "True"));
  }

  @ParameterizedTest
  @MethodSource("unfit")
  void aResultThatDoesNotFitTheTypeIsRefused(
      Object value, Class<?> type, String path, String what) {
    var call = pool.tool("echo").args(value);
    ValueException error = failure(ValueException.class, () -> call.call(type));
    assertThat(error.path()).isEqualTo(path);
    assertThat(error).hasMessageContaining(what);
  }

  @Test
  void whatTheTypeDoesNotKnowIsIgnored() {
    Map<String, Integer> more = Map.of("x", 1, "y", 2, "z", 3);
    assertThat(pool.tool("echo").arg("value", more).call(Point.class)).isEqualTo(new Point(1, 2));
  }
}
