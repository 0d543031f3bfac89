package dev.terrarium;

import static dev.terrarium.Trouble.failure;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// What a caller is told of a call that cannot be, or that failed.
@Timeout(90)
final class CallErrorTest {
  private static final String ADAPTER =
      """
      import json
      from terrarium import tool

      class Unreadable(Exception):
          pass

      def innermost(text):
          raise Unreadable(text)

      @tool
      def analyse(text: str, *, depth: int = 1):
          return len(text) * depth

      @tool
      def count(text):
          return innermost(text)

      @tool
      def parse(text):
          return json.loads(text)

      @tool
      def type_error(text):
          return len(3)

      @tool
      def wrapped(text):
          try:
              return innermost(text)
          except Unreadable as error:
              raise ValueError("outer") from error

      @tool
      def words(text):
          yield from text.split()

      @tool
      async def fetch(url):
          raise ConnectionError(f"{url}: refused")

      @tool
      def lazily(text):
          import nmpy
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

  @Test
  void anUnknownToolIsToldWithTheNearestName() {
    var error = failure(UnknownToolException.class, () -> call("analyze"));
    assertThat(error.tool()).isEqualTo("analyze");
    assertThat(error.nearest()).contains("analyse");
    assertThat(error).hasMessage("Pool 'adapter' has no tool 'analyze'; did you mean 'analyse'?");
  }

  @Test
  void whereNothingIsNearTheListIsNamed() {
    var error = failure(UnknownToolException.class, () -> call("zzzzzzzzzz"));
    assertThat(error.nearest()).isEmpty();
    assertThat(error).hasMessageContaining("pool.tools()");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          analyse() missing 1 required positional argument: 'text' |
          analyse() got an unexpected keyword argument 'colour'    | colour
          """)
  void anArgumentThatDoesNotFitIsToldInPythonsWords(String message, String name) {
    ToolCall call = pool.tool("analyse");
    ToolCall wrong = name == null ? call : call.arg("text", "a").arg(name, "red");
    var error = failure(BadArgumentException.class, () -> wrong.call(Object.class));
    assertThat(error).hasMessage("Tool 'analyse': " + message);
  }

  @Test
  void tooManyPositionalArgumentsAreToldAsWell() {
    var call = pool.tool("analyse").args("a", "b", "c");
    assertThat(failure(BadArgumentException.class, () -> call.call(Object.class)))
        .hasMessageContaining("takes 1 positional argument but 3 were given");
  }

  @Test
  void whatAToolRaisesHasTypeMessageAndTheUsersFrames() {
    ToolException error = failure(ToolException.class, () -> call("count"));
    assertThat(error.python().type()).isEqualTo("adapter.Unreadable");
    assertThat(error.python().message()).isEqualTo("a b");
    assertThat(error.python().traceback())
        .startsWith("Traceback (most recent call last):\n")
        .contains("in count\n    return innermost(text)\n")
        .contains("in innermost\n    raise Unreadable(text)\n")
        .endsWith("adapter.Unreadable: a b\n")
        .doesNotContain("_runner.py", "_calls.py", "terrarium/");
    assertThat(error).hasMessageStartingWith("Tool 'count' raised adapter.Unreadable: a b");
  }

  @Test
  void exceptionsOfLibrariesAndOfPythonAreNamedAsPythonNamesThem() {
    ToolException library = failure(ToolException.class, () -> call("parse"));
    assertThat(library.python().type()).isEqualTo("json.decoder.JSONDecodeError");
    ToolException builtin = failure(ToolException.class, () -> call("fetch"));
    assertThat(builtin.python().type()).isEqualTo("ConnectionError");
    assertThat(builtin.python().traceback()).contains("in fetch").doesNotContain("_loop.py");
  }

  @Test
  void aTypeErrorOfTheToolsOwnIsNotTakenForABadArgument() {
    ToolException error = failure(ToolException.class, () -> call("type_error"));
    assertThat(error.python().type()).isEqualTo("TypeError");
    assertThat(error.python().traceback()).contains("return len(3)");
  }

  @Test
  void causesAreInTheTraceback() {
    ToolException error = failure(ToolException.class, () -> call("wrapped"));
    assertThat(error.python().traceback())
        .contains("adapter.Unreadable: a b")
        .contains("The above exception was the direct cause")
        .endsWith("ValueError: outer\n");
  }

  /// The interpreter is mostly another one than that of the shell in which the package was
  /// installed.
  @Test
  void anImportInAToolThatFindsNothingNamesTheInterpreterAndTheLineThatInstalls() {
    ToolException error = failure(ToolException.class, () -> call("lazily"));
    assertThat(error.python().type()).isEqualTo("ModuleNotFoundError");
    assertThat(error.python().message()).isEqualTo("No module named 'nmpy'");
    assertThat(error)
        .hasMessageMatching("(?s).*\nPython 3\\.\\d+\\.\\d+ \\(/.*\\) has no such module: .*")
        .hasMessageContaining(" -m pip install nmpy");
  }

  @Test
  void aGeneratorIsRefusedWithTheRemedy() {
    ValueException error = failure(ValueException.class, () -> call("words"));
    assertThat(error).hasMessageContaining("generator").hasMessageContaining("return a list");
  }

  @Test
  void theStackTraceIsTheCallers() {
    ToolException error = failure(ToolException.class, () -> call("count"));
    assertThat(error.getStackTrace())
        .anySatisfy(
            frame -> {
              assertThat(frame.getClassName()).isEqualTo(getClass().getName());
              assertThat(frame.getMethodName()).isEqualTo("call");
            });
  }

  @Test
  void aFutureFailsWithTheSame() {
    CompletableFuture<@Nullable Object> future =
        pool.tool("count").args("a b").callAsync(Object.class);
    assertThat(failure(ToolException.class, future).python().message()).isEqualTo("a b");
    var unsendable = pool.tool("count").args(new Object()).callAsync(Object.class);
    assertThat(failure(ValueException.class, unsendable).path()).isEqualTo("args[0]");
  }

  @Test
  void theWorkerLivesThroughAllOfThem() {
    failure(ToolException.class, () -> call("count"));
    assertThat(pool.call("analyse", Map.of("text", "abc", "depth", 2), Integer.class)).isEqualTo(6);
    assertThat(pool.stats().restarts()).isZero();
  }

  private static @Nullable Object call(String tool) {
    return pool.call(tool, Map.of(tool.equals("fetch") ? "url" : "text", "a b"), Object.class);
  }
}
