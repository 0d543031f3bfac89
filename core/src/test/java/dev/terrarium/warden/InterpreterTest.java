package dev.terrarium.warden;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import dev.terrarium.StartFailedException;
import dev.terrarium.process.Birthmark;
import dev.terrarium.testkit.Procs;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
final class InterpreterTest {
  @TempDir private Path directory;

  /// The answer was read without a bound: where a child held the pipe, killing the launcher did not
  /// end it.
  @Test
  void oneThatDoesNotAnswerInTimeIsEndedWithAllThatItHasStarted() throws IOException {
    Path python = directory.resolve("python");
    Files.writeString(python, "#!/bin/sh\nsetsid sleep 600 &\nsleep 600 &\nsleep 600\n");
    Files.setPosixFilePermissions(python, PosixFilePermissions.fromString("rwx------"));
    Birthmark mark = Birthmark.choose().chosen().orElseThrow();
    try (var asked = Interpreter.ask(python.toString(), Optional.of(mark), Duration.ofSeconds(2))) {
      StartFailedException failure =
          catchThrowableOfType(StartFailedException.class, asked::answer);
      assertThat(failure)
          .hasMessageContaining("did not say its version within 2 s and was killed")
          .hasMessageContaining("name the interpreter itself");
    }
    await().atMost(Duration.ofSeconds(30)).until(() -> Procs.marked(mark.run()).isEmpty());
  }
}
