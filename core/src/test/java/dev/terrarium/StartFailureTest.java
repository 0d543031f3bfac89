package dev.terrarium;

import static dev.terrarium.Trouble.failure;
import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.StartFailedException.Reason;
import dev.terrarium.warden.Interpreter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/// An adapter that cannot be used: one error that names what it is, in its own words, and nothing
/// left.
@Timeout(90)
final class StartFailureTest {
  private static final String TOOL =
      """
      from terrarium import tool, on_start

      @tool
      def echo(value=None):
          return value

      """;

  @TempDir private Path directory;

  static Stream<Arguments> broken() {
    return Stream.of(
        Arguments.of("def echo(:\n", Reason.ADAPTER_SYNTAX, "SyntaxError", "adapter.py, line 1"),
        Arguments.of("x = 1\n  y = 2\n", Reason.ADAPTER_SYNTAX, "IndentationError", "line 2"),
        Arguments.of(
            "import nmpy\n",
            Reason.ADAPTER_IMPORT,
            "ModuleNotFoundError: No module named 'nmpy'",
            "adapter.py\", line 1"),
        Arguments.of(
            "from os import pathh\n",
            Reason.ADAPTER_IMPORT,
            "ImportError: cannot import name 'pathh' from 'os'",
            "line 1"),
        Arguments.of(
            TOOL + "import sys\nsys.exit(0)\n",
            Reason.ADAPTER_EXITED,
            "the adapter called sys.exit(0) while it was imported",
            "sys.exit(0)"),
        Arguments.of(
            TOOL + "{}['weights']\n", Reason.ADAPTER_FAILED, "KeyError: 'weights'", "Traceback"),
        Arguments.of(
            TOOL + "@on_start\ndef load():\n    raise OSError('no such device')\n",
            Reason.ON_START_FAILED,
            "OSError: no such device",
            "in load"),
        Arguments.of("x = 1\n", Reason.NO_TOOLS, "has no tools", "mark functions with @tool"));
  }

  @ParameterizedTest
  @MethodSource("broken")
  void aBrokenAdapterIsNamedAsWhatItIs(String source, Reason reason, String error, String detail) {
    var builder = Trouble.pool(directory, source).size(2);
    StartFailedException failure = failure(StartFailedException.class, builder::start);
    assertThat(failure.reason()).isEqualTo(reason);
    assertThat(failure)
        .hasMessageStartingWith("Pool 'adapter': worker adapter-")
        .hasMessageContaining(error)
        .hasMessageContaining(detail);
    assertThat(failure).message().doesNotContain("exited with status", "null");
  }

  @ParameterizedTest
  @EnumSource
  void aMissingPackageNamesTheInterpreterAndTheLineThatInstallsIt(Start start) {
    String python = Interpreter.resolve(Config.defaults().python()).executable().toString();
    String version = Interpreter.resolve(Config.defaults().python()).version();
    var builder = Trouble.pool(directory, "import no_such_cv2, sklearn_too\n").start(start);
    StartFailedException failure = failure(StartFailedException.class, builder::start);
    assertThat(failure.reason()).isEqualTo(Reason.ADAPTER_IMPORT);
    assertThat(failure)
        .hasMessageContaining(
            "No module named 'no_such_cv2'; Python %s (%s) has no such module: %s -m pip install no_such_cv2"
                .formatted(version, python, python))
        .hasMessageContaining("a module of your own is looked for in " + directory);
  }

  @Test
  void aMissingModuleOfThePackageItselfIsNotInstalledByPip() throws IOException {
    Path folder = Files.createDirectory(directory.resolve("stats"));
    Trouble.write(folder.resolve("__init__.py"), "from .helpr import twice\n");
    var builder = Pool.builder().adapter(folder).size(1);
    StartFailedException failure = failure(StartFailedException.class, builder::start);
    assertThat(failure)
        .hasMessageContaining(
            "No module named 'stats.helpr'; it was looked for in %s".formatted(folder))
        .message()
        .doesNotContain("pip");
  }

  @Test
  void anAdapterThatIsNotThereIsMissing() {
    Path missing = directory.resolve("nowhere.py");
    assertMissing(missing, missing + ": no such file");
  }

  @Test
  void aLinkThatPointsNowhereIsMissing() throws IOException {
    Path link = Files.createSymbolicLink(directory.resolve("link.py"), directory.resolve("gone"));
    assertMissing(link, link + ": no such file");
  }

  @Test
  void aDirectoryThatIsNoPackageIsMissing() throws IOException {
    Path empty = Files.createDirectory(directory.resolve("empty"));
    assertMissing(empty, "empty is a directory without __init__.py");
  }

  private static void assertMissing(Path adapter, String text) {
    var builder = Pool.builder().adapter(adapter).size(1);
    StartFailedException failure = failure(StartFailedException.class, builder::start);
    assertThat(failure.reason()).isEqualTo(Reason.ADAPTER_MISSING);
    assertThat(failure).hasMessageContaining(text);
  }

  @Test
  void whatCannotBeReadAsAFileIsUnreadable() throws IOException {
    // Permissions do not stop root; a link that points to itself stops everybody.
    Path loop = directory.resolve("loop.py");
    Files.createSymbolicLink(loop, loop);
    var builder = Pool.builder().adapter(loop).size(1);
    StartFailedException failure = failure(StartFailedException.class, builder::start);
    assertThat(failure.reason()).isEqualTo(Reason.ADAPTER_UNREADABLE);
    assertThat(failure).hasMessageContaining("loop.py: Too many levels of symbolic links");
  }

  @Test
  void aPackageIsAnAdapterAsWell() throws IOException {
    Path folder = Files.createDirectory(directory.resolve("stats"));
    Trouble.write(folder.resolve("helper.py"), "def twice(x):\n    return 2 * x\n");
    Trouble.write(
        folder.resolve("__init__.py"),
        "from terrarium import tool\nfrom .helper import twice\ntool(twice)\n");
    try (Pool pool = Pool.builder().adapter(folder).size(1).start()) {
      assertThat(pool.name()).isEqualTo("stats");
      assertThat(pool.call("twice", Map.of("x", 2), Integer.class)).isEqualTo(4);
    }
  }

  @Test
  void anImportThatTakesTooLongIsTimedOut() {
    var builder =
        Trouble.pool(directory, "import time\ntime.sleep(1000)\n")
            .startTimeout(Duration.ofMillis(500));
    StartFailedException failure = failure(StartFailedException.class, builder::start);
    assertThat(failure.reason()).isEqualTo(Reason.TIMED_OUT);
    assertThat(failure)
        .hasMessageContaining("not ready within 500 ms; import less, or raise startTimeout");
  }

  @Test
  void aWorkerThatDiesAtImportIsTriedThreeTimesAndNoMore() {
    Path tries = directory.resolve("tries");
    String source =
        """
        import os, signal, sys
        with open(%r, "a") as file:
            file.write("import\\n")
        for i in range(60):
            print("line", i, file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGSEGV)
        """
            .replace("%r", "'" + tries + "'");
    StartFailedException failure =
        failure(StartFailedException.class, Trouble.pool(directory, source)::start);
    assertThat(failure.reason()).isEqualTo(Reason.WORKER_DIED);
    assertThat(failure)
        .hasMessageContaining("killed by SIGSEGV before it was ready")
        .hasMessageContaining("line 59")
        .hasMessageContaining("Fatal Python error: Segmentation fault");
    assertThat(String.valueOf(failure.getMessage()).lines())
        .filteredOn(line -> line.startsWith("line "))
        .hasSizeBetween(30, 50);
    assertThat(Trouble.text(tries).lines()).hasSize(3 + 3); // zygotes, workers
  }

  @Test
  void theStackTraceIsTheCallers() {
    StartFailedException failure =
        failure(StartFailedException.class, Trouble.pool(directory, "x = 1\n")::start);
    assertThat(failure.getStackTrace())
        .anyMatch(frame -> frame.getClassName().equals(getClass().getName()));
  }

  @Test
  void anInterruptWhileItStartsLeavesNothing() {
    Path started = directory.resolve("started");
    String source = "import time\nopen('%s', 'w').close()\ntime.sleep(1000)\n".formatted(started);
    PoolBuilder builder = Trouble.pool(directory, source);
    Thread starter = Thread.currentThread();
    var interrupting =
        Trouble.inBackground(
            () -> {
              Trouble.awaitFile(started);
              starter.interrupt();
              return "done";
            });
    StartFailedException failure = failure(StartFailedException.class, builder::start);
    assertThat(Thread.interrupted()).isTrue();
    assertThat(failure.reason()).isEqualTo(Reason.CANCELLED);
    assertThat(interrupting.join()).isEqualTo("done");
  }
}
