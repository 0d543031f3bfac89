package dev.terrarium;

import static dev.terrarium.Trouble.failure;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.AbstractList;
import java.util.ArrayList;
import java.util.Collections;
import java.util.ConcurrentModificationException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// Arguments that throw something while they are read.
@Timeout(90)
final class FailingArgumentTest {
  @TempDir private static Path directory;
  private static Pool pool;

  @BeforeAll
  static void start() {
    pool = Acting.pool(directory).start();
  }

  @AfterAll
  static void close() {
    pool.close();
  }

  private static List<Object> changedBehindItsView() {
    List<Object> all = new ArrayList<>(List.of(1, 2, 3));
    List<Object> view = all.subList(0, 2);
    all.add(4);
    return view;
  }

  /// The JDK's view of a list that reads its second element from somewhere.
  private static List<Object> lazy(RuntimeException thrown) {
    return Collections.unmodifiableList(
        new AbstractList<>() {
          @Override
          public Object get(int index) {
            if (index == 1) {
              throw thrown;
            }
            return index;
          }

          @Override
          public int size() {
            return 3;
          }
        });
  }

  static Stream<Arguments> failing() {
    return Stream.of(
        Arguments.of(changedBehindItsView(), ConcurrentModificationException.class),
        Arguments.of(
            lazy(new UnsupportedOperationException("no")), UnsupportedOperationException.class),
        Arguments.of(lazy(new IllegalArgumentException("no")), IllegalArgumentException.class),
        Arguments.of(
            Map.of("deep", List.of(lazy(new IllegalStateException("no")))),
            IllegalStateException.class));
  }

  @ParameterizedTest
  @MethodSource("failing")
  void aCallSaysWhichOneItWas(Object argument, Class<? extends Throwable> thrown) {
    var positional = pool.tool("echo").args(1, argument);
    ValueException error = failure(ValueException.class, () -> positional.call(Object.class));
    assertThat(error.path()).startsWith("args[1]");
    assertThat(error).hasCauseInstanceOf(thrown);
    var named = pool.tool("echo").arg("value", argument);
    error = failure(ValueException.class, () -> named.call(Object.class));
    assertThat(error.path()).startsWith("named.value");
    assertThat(error).hasCauseInstanceOf(thrown);
  }

  @ParameterizedTest
  @MethodSource("failing")
  void aFutureFailsAndNothingIsThrown(Object argument, Class<? extends Throwable> thrown) {
    CompletableFuture<@Nullable Object> future =
        pool.tool("echo").arg("value", argument).callAsync(Object.class);
    assertThat(failure(ValueException.class, future)).hasCauseInstanceOf(thrown);
  }

  @ParameterizedTest
  @MethodSource("failing")
  void aBatchSaysWhichItemItWas(Object argument, Class<? extends Throwable> thrown) {
    Stream<@Nullable Object> batch =
        pool.tool("echo")
            .map(Stream.of(1, argument, 3), value -> Map.of("value", value), Object.class);
    ItemFailedException error = failure(ItemFailedException.class, batch::toList);
    assertThat(error.index()).isEqualTo(1);
    assertThat(error.getCause()).isInstanceOf(ValueException.class).hasCauseInstanceOf(thrown);
  }

  @Test
  void anErrorOfOursStaysWhatItIs() {
    var mine = new ValueException("somewhere", "no");
    var call = pool.tool("echo").args(lazy(mine));
    assertThat(failure(ValueException.class, () -> call.call(Object.class))).isSameAs(mine);
    assertThat(failure(ValueException.class, call.callAsync(Object.class))).isSameAs(mine);
  }

  private static List<Object> throwing(Error error) {
    return Collections.unmodifiableList(
        new AbstractList<>() {
          @Override
          public Object get(int index) {
            throw error;
          }

          @Override
          public int size() {
            return 1;
          }
        });
  }

  @Test
  void anErrorOfTheJvmFailsTheFutureToo() {
    List<Object> list = throwing(new InternalError("no"));
    CompletableFuture<@Nullable Object> future =
        pool.tool("echo").args(list).callAsync(Object.class);
    failure(InternalError.class, future);
  }

  /// It came out as it was, past whoever catches what calls throw.
  @Test
  void aClassThatIsMissingFailsTheCallAlone() {
    var error = new NoClassDefFoundError("com/example/Forgotten");
    ToolCall call = pool.tool("echo").args(throwing(error));
    assertThat(failure(ValueException.class, () -> call.call(Object.class)))
        .hasMessageContaining("NoClassDefFoundError: com/example/Forgotten")
        .hasCause(error);
    assertThat(failure(ValueException.class, call.callAsync(Object.class))).hasCause(error);
    assertThat(pool.tool("echo").args(1).call(Integer.class)).isEqualTo(1);
  }
}
