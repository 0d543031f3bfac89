package dev.terrarium.process;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class FileErrorsTest {
  @TempDir private Path directory;

  @Test
  void whatTheJdkTellsByAClassIsSaidInTheKernelsWords() {
    assertThat(FileErrors.why(new AccessDeniedException("/a"))).isEqualTo("Permission denied");
    assertThat(FileErrors.why(new NoSuchFileException("/a")))
        .isEqualTo("No such file or directory");
    assertThat(FileErrors.describe(new AccessDeniedException("/a")))
        .isEqualTo("/a: Permission denied");
  }

  @Test
  void whatTheKernelSaysOfRealFilesIsPassedOn() throws IOException {
    Path file = Files.createFile(directory.resolve("file"));
    assertThat(error(() -> Files.createFile(file))).isEqualTo("File exists");
    assertThat(error(() -> Files.createDirectory(file.resolve("below"))))
        .isEqualTo("Not a directory");
    assertThat(error(() -> Files.delete(directory))).isEqualTo("Directory not empty");
    assertThat(error(() -> Files.delete(directory.resolve("none"))))
        .isEqualTo("No such file or directory");
  }

  private static String error(ThrowingCallable call) {
    return FileErrors.why(requireNonNull(catchThrowableOfType(IOException.class, call)));
  }

  @Test
  void aPathThatIsKnownIsNotSaidTwice() {
    var full = new FileSystemException("/run/x", null, "No space left on device");
    assertThat(FileErrors.describe(full, Path.of("/run/x"))).isEqualTo("No space left on device");
    assertThat(FileErrors.describe(full, Path.of("/run")))
        .isEqualTo("/run/x: No space left on device");
  }

  @Test
  void otherErrorsSayWhatTheySay() {
    assertThat(FileErrors.why(new IOException("Broken pipe"))).isEqualTo("Broken pipe");
    assertThat(FileErrors.why(new IOException())).isEqualTo("java.io.IOException");
  }
}
