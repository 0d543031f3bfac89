package dev.terrarium.warden;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.terrarium.StartFailedException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

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

  /// One file that a cleaner of old files took, or that a power cut left empty, made every later
  /// start fail with a traceback of Python's, until somebody removed the folder by hand.
  @ParameterizedTest
  @EnumSource
  void mendsAFileThatIs(Damage damage, @TempDir Path state) throws IOException {
    PythonHome home = PythonHome.unpack(state);
    Path file = home.directory().resolve("terrarium/_warden.py");
    Path other = home.directory().resolve("terrarium/_worker.py");
    byte[] whole = Files.readAllBytes(file);
    Object untouched = Files.readAttributes(other, BasicFileAttributes.class).fileKey();
    Path compiled = home.directory().resolve("terrarium/__pycache__/_warden.cpython-311.pyc");
    Path another = compiled.resolveSibling("_warden_end.cpython-311.pyc");
    Files.writeString(compiled, "of the altered file");
    Files.writeString(another, "of another file");

    damage.befall(file);
    assertThat(home.damaged()).containsExactly("terrarium/_warden.py");
    PythonHome.unpack(state);

    assertThat(home.damaged()).isEmpty();
    assertThat(Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)).isTrue();
    assertThat(file).hasBinaryContent(whole);
    assertThat(compiled).doesNotExist();
    assertThat(another).exists();
    assertThat(Files.readAttributes(other, BasicFileAttributes.class).fileKey())
        .as("who uses it goes on")
        .isEqualTo(untouched);
    assertThat(names(file.resolveSibling("."))).noneMatch(name -> name.startsWith(".tmp-"));
  }

  /// A start goes by size and time; who looks closely finds that, too.
  @Test
  void mendsAFileThatWasAlteredBehindItsTime(@TempDir Path state) throws IOException {
    PythonHome home = PythonHome.unpack(state);
    Path file = home.directory().resolve("terrarium/_warden.py");
    FileTime time = Files.getLastModifiedTime(file);
    Damage.ALTERED_IN_ONE_BYTE.befall(file);
    Files.setLastModifiedTime(file, time);
    assertThat(home.damaged()).containsExactly("terrarium/_warden.py");
    assertThat(home.mend()).containsExactly("terrarium/_warden.py");
    assertThat(home.damaged()).isEmpty();
  }

  @Test
  void leavesAFileAloneThatHasAnotherTimeOnly(@TempDir Path state) throws IOException {
    Path file = PythonHome.unpack(state).warden();
    FileTime time = FileTime.fromMillis(1_000);
    Files.setLastModifiedTime(file, time);
    PythonHome.unpack(state);
    assertThat(Files.getLastModifiedTime(file)).isEqualTo(time);
  }

  @Test
  void mendsTheWholeFolderOfThePackage(@TempDir Path state) throws IOException {
    PythonHome home = PythonHome.unpack(state);
    try (var files = Files.walk(home.directory().resolve("terrarium"))) {
      for (Path each : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(each);
      }
    }
    assertThat(home.mend()).hasSizeGreaterThan(30);
    assertThat(home.damaged()).isEmpty();
  }

  @Test
  void manyMayMendAtOnceWhileOthersRead(@TempDir Path state) throws Exception {
    PythonHome home = PythonHome.unpack(state);
    Path file = home.directory().resolve("terrarium/_warden.py");
    byte[] whole = Files.readAllBytes(file);
    byte[] altered = whole.clone();
    altered[0] ^= 1;
    Files.write(file, altered);
    Callable<List<String>> reading =
        () -> {
          byte[] seen = Files.readAllBytes(file);
          assertThat(Arrays.equals(seen, whole) || Arrays.equals(seen, altered)).isTrue();
          return List.of();
        };
    try (var threads = Executors.newFixedThreadPool(8)) {
      List<Callable<List<String>>> tasks = new ArrayList<>();
      for (int i = 0; i < 50; i++) {
        tasks.add(home::mend);
        tasks.add(reading);
      }
      for (var result : threads.invokeAll(tasks)) {
        assertThat(result.get()).hasSizeLessThan(2);
      }
    }
    assertThat(file).hasBinaryContent(whole);
  }

  /// The umask of some containers is 0: what others could write we would have run.
  @ParameterizedTest
  @ValueSource(strings = {"", "HASH", "HASH/terrarium"})
  void refusesAFolderThatOthersMayWriteTo(String name, @TempDir Path state) throws IOException {
    PythonHome home = PythonHome.unpack(state);
    String hash = home.directory().getFileName().toString();
    Path folder = state.resolve("python").resolve(name.replace("HASH", hash));
    for (String mode : List.of("rwxrwxrwx", "rwxrwx---", "rwx----w-")) {
      Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString(mode));
      assertThat(home.objection()).isPresent();
      assertThatThrownBy(() -> PythonHome.unpack(state))
          .isInstanceOf(StartFailedException.class)
          .hasMessageContainingAll("others may write to it", "chmod 700", "TERRARIUM_HOME");
    }
    Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxr-xr-x"));
    assertThat(PythonHome.unpack(state).objection()).isEmpty();
  }

  private static List<String> names(Path folder) throws IOException {
    try (var entries = Files.list(folder)) {
      return entries.map(entry -> entry.getFileName().toString()).toList();
    }
  }

  /// What may become of a file.
  enum Damage {
    MISSING {
      @Override
      void befall(Path file) throws IOException {
        Files.delete(file);
      }
    },
    EMPTY {
      @Override
      void befall(Path file) throws IOException {
        Files.write(file, new byte[0]);
      }
    },
    TRUNCATED {
      @Override
      void befall(Path file) throws IOException {
        byte[] content = Files.readAllBytes(file);
        Files.write(file, Arrays.copyOf(content, content.length / 2));
      }
    },
    ALTERED_IN_ONE_BYTE {
      @Override
      void befall(Path file) throws IOException {
        byte[] content = Files.readAllBytes(file);
        content[content.length / 2] ^= 1;
        Files.write(file, content);
      }
    },
    LONGER {
      @Override
      void befall(Path file) throws IOException {
        Files.writeString(file, "\nraise SystemExit(3)\n", StandardOpenOption.APPEND);
      }
    },
    A_LINK_TO_A_COPY {
      @Override
      void befall(Path file) throws IOException {
        Path copy = Files.move(file, file.resolveSibling("copy.txt"));
        Files.createSymbolicLink(file, copy);
      }
    };

    abstract void befall(Path file) throws IOException;
  }

  @Test
  void saysWhatToDoWhereItCannotWrite(@TempDir Path directory) throws IOException {
    Path file = Files.createFile(directory.resolve("file"));

    assertThatThrownBy(() -> PythonHome.unpack(file))
        .isInstanceOf(StartFailedException.class)
        .hasMessageContaining("TERRARIUM_HOME");
  }
}
