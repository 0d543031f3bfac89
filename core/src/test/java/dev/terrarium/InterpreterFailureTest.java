package dev.terrarium;

import static dev.terrarium.Trouble.failure;
import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.StartFailedException.Reason;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// The interpreter, the kernel or the directories are not what is needed.
@Timeout(90)
final class InterpreterFailureTest {
  @TempDir private Path directory;

  @ParameterizedTest
  @CsvSource({"no-such-python", "/no/such/python3"})
  void aMissingInterpreterIsNamedWithTheRemedy(String command) {
    StartFailedException failure = start(command);
    assertThat(failure.reason()).isEqualTo(Reason.INTERPRETER_MISSING);
    assertThat(failure)
        .hasMessageContaining("'" + command + "'")
        .hasMessageContaining("install Python 3.9 or newer")
        .hasMessageContaining("TERRARIUM_PYTHON");
  }

  @ParameterizedTest
  @CsvSource({"2,7,18", "3,8,20"})
  void anOldInterpreterIsNamedWithItsVersion(int major, int minor, int micro) {
    String answer =
        "terrarium\\n%d\\n%d\\n%d\\n/usr/bin/python\\n\\n".formatted(major, minor, micro);
    String python = script("printf '" + answer + "'");
    StartFailedException failure = start(python);
    assertThat(failure.reason()).isEqualTo(Reason.INTERPRETER_TOO_OLD);
    assertThat(failure)
        .hasMessageContaining("'%s' is %d.%d.%d", python, major, minor, micro)
        .hasMessageContaining("needs 3.9 or newer")
        .hasMessageContaining("TERRARIUM_PYTHON");
  }

  @ParameterizedTest
  @CsvSource({
    "echo 'pyenv: version 3.99 is not installed' >&2; exit 127, version 3.99 is not installed",
    "exit 0, it said: nothing",
    "printf 'terrarium\\nthree\\nfour\\nfive\\nx\\n\\n', three",
    "printf 'terrarium\\n3\\n12\\n1\\n/x\\nNo module named ctypes\\n', No module named ctypes"
  })
  void oneThatDoesNotWorkIsQuoted(String command, String said) {
    StartFailedException failure = start(script(command));
    assertThat(failure.reason()).isEqualTo(Reason.INTERPRETER_UNUSABLE);
    assertThat(failure).hasMessageContaining("does not work").hasMessageContaining(said);
  }

  /// Seven lines were taken for the answer, and a line without an end hid its beginning.
  @ParameterizedTest
  @ValueSource(
      strings = {
        "echo 'a warning of the launcher' >&2",
        "printf 'no end of the line: '",
        "seq 20",
        "echo terrarium-like; printf 'terrarium'"
      })
  void whatALauncherSaysBeforeDoesNotMatter(String says) {
    String python = script(says + "; exec python3 \"$@\"");
    try (Pool pool = Trouble.pool().python(python).start()) {
      assertThat(pool.tool("echo").args("fine").call(String.class)).isEqualTo("fine");
    }
  }

  @Test
  void aWardenThatDoesNotComeUpIsQuotedAndLeavesNothing() {
    String python =
        script(
            "case \"$*\" in *-c*) printf 'terrarium\\n3\\n11\\n7\\n%s\\n\\n' \"$0\";;"
                + " *) echo 'cannot open shared object' >&2; exit 3;; esac");
    Config config = Config.defaults().withHome(directory.resolve("home")).withPython(python);
    StartFailedException failure =
        failure(StartFailedException.class, () -> Terrarium.start(config));
    assertThat(failure.reason()).isEqualTo(Reason.WARDEN);
    assertThat(failure)
        .hasMessageContaining("status 3")
        .hasMessageContaining("cannot open shared object");
    assertThat(directory.resolve("home/runs")).isEmptyDirectory();
  }

  @Test
  void aStateDirectoryThatIsAFileIsNamedWithTheRemedy() {
    Path file = Trouble.write(directory.resolve("file"), "");
    for (Path home : new Path[] {file, file.resolve("below"), Path.of("/proc/terrarium")}) {
      Config config = Config.defaults().withHome(home);
      StartFailedException failure =
          failure(StartFailedException.class, () -> Terrarium.start(config));
      assertThat(failure.reason()).isEqualTo(Reason.DIRECTORY);
      assertThat(failure)
          .hasMessageContaining("state directory")
          .hasMessageContaining(home.equals(file) ? file.toString() : "cannot be made")
          .hasMessageContaining("set TERRARIUM_HOME");
    }
  }

  @Test
  void aSocketsPathThatIsTooLongIsNamedWithItsLength() throws IOException {
    Path deep = Files.createDirectories(directory.resolve("d".repeat(80)));
    CompletableFuture<String> said = new CompletableFuture<>();
    try (var jvm =
        dev.terrarium.testkit.Jvm.start(
            Starter.class,
            java.util.Map.of("XDG_RUNTIME_DIR", deep.toString()),
            java.util.List.of(),
            directory.resolve("home").toString())) {
      said.complete(jvm.awaitLine("DIRECTORY: "));
      assertThat(jvm.awaitExit()).isZero();
    }
    assertThat(said.join())
        .contains(deep.toString())
        .containsPattern("has 1\\d\\d bytes, more than 103")
        .contains("set XDG_RUNTIME_DIR or java.io.tmpdir");
  }

  /// Says why it could not start.
  static final class Starter {
    public static void main(String[] arguments) {
      Config config = Config.defaults().withHome(Path.of(arguments[0]));
      try (Terrarium runtime = Terrarium.start(config)) {
        System.out.println("started " + runtime.runId());
      } catch (StartFailedException e) {
        System.out.println(e.reason() + ": " + e.getMessage());
      }
    }
  }

  private static StartFailedException start(String python) {
    return failure(StartFailedException.class, Trouble.pool().python(python)::start);
  }

  private String script(String command) {
    try {
      Path file = directory.resolve("python-" + Integer.toHexString(command.hashCode()));
      Trouble.write(file, "#!/bin/sh\n" + command + "\n");
      Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwx------"));
      return file.toString();
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }
}
