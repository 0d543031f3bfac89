package dev.terrarium;

import static dev.terrarium.Trouble.failure;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.reflect.AnnotatedParameterizedType;
import java.lang.reflect.AnnotatedType;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.TypeVariable;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// A tool may return None, and what a call gives says so: to Kotlin it was a type that is never
/// null, and None a `NullPointerException` somewhere behind the call.
@Timeout(90)
final class ResultsAreNullableTest {
  private static final String ADAPTER =
      """
      from terrarium import tool

      @tool
      def nothing(item=None):
          return None

      @tool
      def half():
          return {"x": None}
      """;

  @TempDir private Path directory;

  record Point(int x) {}

  static Stream<Method> givingResults() {
    return Stream.of(Pool.class, ToolCall.class)
        .flatMap(type -> Arrays.stream(type.getDeclaredMethods()))
        .filter(method -> Modifier.isPublic(method.getModifiers()))
        .filter(method -> Stream.of("call", "map").anyMatch(method.getName()::startsWith));
  }

  @ParameterizedTest
  @MethodSource("givingResults")
  void eachMethodThatGivesAResultSaysThatItMayBeNull(Method method) {
    AnnotatedType given = method.getAnnotatedReturnType();
    AnnotatedType result =
        given instanceof AnnotatedParameterizedType in
            ? in.getAnnotatedActualTypeArguments()[0]
            : given;
    assertThat(result.getType()).isInstanceOf(TypeVariable.class);
    assertThat(result.isAnnotationPresent(Nullable.class)).isTrue();
  }

  @Test
  void theyAreFoundAtAll() {
    assertThat(givingResults()).hasSize(11);
  }

  @Test
  void noneIsNullHoweverItIsAskedFor() {
    try (Pool pool = Trouble.pool(directory, ADAPTER).start()) {
      assertThat(pool.call("nothing", Map.of(), String.class)).isNull();
      ToolCall call = pool.tool("nothing");
      assertThat(call.call(Point.class)).isNull();
      assertThat(call.call(new TypeRef<@Nullable List<String>>() {})).isNull();
      assertThat(call.callAsync(Integer.class).join()).isNull();
      assertThat(call.map(Stream.of(1, 2), i -> Map.of("item", i), Point.class).toList())
          .containsExactly(null, null);
    }
  }

  @Test
  void ofAPrimitiveNoneIsAnErrorThatSaysWhatToAskFor() {
    try (Pool pool = Trouble.pool(directory, ADAPTER).start()) {
      for (Class<?> primitive : List.of(int.class, double.class, boolean.class, char.class)) {
        assertThat(failure(ValueException.class, () -> pool.call("nothing", Map.of(), primitive)))
            .hasMessage(
                "result: expected %s, but Python sent None; ask for a type that can be null",
                primitive);
      }
      assertThat(failure(ValueException.class, () -> pool.call("half", Map.of(), Point.class)))
          .hasMessageStartingWith("result.x: expected int, but Python sent None");
    }
  }
}
