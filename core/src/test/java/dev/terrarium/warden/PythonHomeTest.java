package dev.terrarium.warden;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.terrarium.StartFailedException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class PythonHomeTest {
  @Test
  void theListOfFilesIsWhatTheFolderHolds() throws IOException {
    Path python = Path.of("../python");
    try (var files = Files.walk(python)) {
      List<String> names =
          files
              .filter(file -> file.toString().endsWith(".py"))
              .map(file -> python.relativize(file).toString())
              .filter(name -> !name.startsWith("tests/"))
              .sorted()
              .toList();
      assertThat(PythonHome.FILES).containsExactlyInAnyOrderElementsOf(names);
    }
  }

  @Test
  void unpacksOnceAndFindsItAgain(@TempDir Path state) throws IOException {
    PythonHome first = PythonHome.unpack(state);
    PythonHome second = PythonHome.unpack(state);

    assertThat(first.warden()).isRegularFile().isEqualTo(second.warden());
    assertThat(first.worker()).isRegularFile();
    try (var versions = Files.list(state.resolve("python"))) {
      assertThat(versions).hasSize(1);
    }
  }

  @Test
  void manyMayUnpackAtOnce(@TempDir Path state) throws Exception {
    try (var threads = Executors.newFixedThreadPool(8)) {
      List<Callable<Path>> tasks =
          java.util.Collections.nCopies(8, () -> PythonHome.unpack(state).warden());
      for (var result : threads.invokeAll(tasks)) {
        assertThat(result.get()).isRegularFile();
      }
    }
    try (var versions = Files.list(state.resolve("python"))) {
      assertThat(versions).as("no temporary folder is left").hasSize(1);
    }
  }

  @Test
  void saysWhatToDoWhereItCannotWrite(@TempDir Path directory) throws IOException {
    Path file = Files.createFile(directory.resolve("file"));

    assertThatThrownBy(() -> PythonHome.unpack(file))
        .isInstanceOf(StartFailedException.class)
        .hasMessageContaining("TERRARIUM_HOME");
  }
}
