package dev.terrarium;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.terrarium.testkit.Child;
import dev.terrarium.testkit.Jvm;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// Directories that refuse what a runtime writes: each start names the path, what the kernel said,
/// and the setting that chose the place. That the state directory is full or read-only: see
/// [FullDiskTest].
@Timeout(120)
final class RefusingPlacesTest {
  /// Permissions do not stop root; there everybody is refused.
  private static final String NOWHERE = "/proc/self/net";

  @TempDir private Path home;
  @TempDir private Path place;
  private boolean mounted;

  /// A host that says how its start fails.
  static final class Host {
    public static void main(String[] arguments) {
      try (Terrarium runtime = Terrarium.start(Config.defaults().withHome(Path.of(arguments[0])))) {
        System.out.println("started " + runtime.runId());
      } catch (StartFailedException e) {
        System.out.println("failed " + e.reason() + " " + e.getMessage());
      }
    }
  }

  @AfterEach
  void unmount() {
    if (mounted) {
      assertThat(does("umount", "--lazy", place.toString())).isTrue();
    }
  }

  private static boolean does(String... command) {
    try (Child child = Child.start(command)) {
      return child.awaitExit() == 0;
    }
  }

  private void mount(String options) {
    mounted = does("mount", "-t", "tmpfs", "-o", "mode=700," + options, "test", place.toString());
    assumeTrue(mounted, "nothing can be mounted here");
  }

  private String failure(String xdg, String temporary, String state) {
    try (Jvm host =
        Jvm.start(
            Host.class,
            Map.of("XDG_RUNTIME_DIR", xdg),
            List.of("-Djava.io.tmpdir=" + temporary),
            state)) {
      return host.awaitLine("failed ");
    }
  }

  @Test
  void aTemporaryDirectoryThatIsReadOnlyHasItsRemedy() {
    mount("size=1m,ro");
    assertThat(failure("", place.toString(), home.toString()))
        .startsWith("DIRECTORY " + place + "/terrarium-")
        .contains(": the runtime's sockets cannot be made (Read-only file system); ")
        .contains("set XDG_RUNTIME_DIR to a directory that this user can write")
        .endsWith("-Djava.io.tmpdir=DIR");
    assertThat(Endings.names(home.resolve("runs"))).isEmpty();
  }

  @Test
  void aTemporaryDirectoryThatIsFullHasItsRemedy() {
    mount("nr_inodes=1");
    assertThat(failure("", place.toString(), home.toString()))
        .contains("sockets cannot be made (No space left on device)", "-Djava.io.tmpdir=DIR");
  }

  @Test
  void aTemporaryDirectoryThatIsNoneHasItsRemedy() throws IOException {
    Path file = Files.createFile(home.resolve("file"));
    assertThat(failure("", file.toString(), home.toString()))
        .contains("sockets cannot be made (Not a directory)", "-Djava.io.tmpdir=DIR");
  }

  @Test
  void aRuntimeDirectoryThatIsFullIsNamedByItsVariable() {
    mount("nr_inodes=1");
    assertThat(failure(place.toString(), home.toString(), home.toString()))
        .startsWith("DIRECTORY " + place + "/terrarium-")
        .contains("(No space left on device); set XDG_RUNTIME_DIR to another directory");
  }

  @Test
  void aRuntimeDirectoryThatCannotBeWrittenIsPassedOverAndSaid() throws IOException {
    mount("size=1m,ro");
    Path file = Files.createFile(home.resolve("file"));
    assertThat(failure(place.toString(), file.toString(), home.toString()))
        .endsWith("; XDG_RUNTIME_DIR is %s, which cannot be written either".formatted(place));
  }

  @Test
  void aStateDirectoryThatCannotBeMadeHasItsRemedy() {
    assertThat(failure("", home.toString(), NOWHERE + "/terrarium"))
        .startsWith("DIRECTORY " + NOWHERE)
        .containsPattern(
            "\\((No such file or directory|Permission denied|Operation not permitted)\\)")
        .contains("set TERRARIUM_HOME to a directory that this user can write");
  }

  @Test
  void aStateDirectoryThatIsReadOnlyHasItsRemedy() {
    mount("size=1m,ro");
    assertThat(failure("", home.toString(), place.toString()))
        .isEqualTo(
            "DIRECTORY %s: the state directory cannot be written (Read-only file system); set TERRARIUM_HOME to a directory that this user can write"
                .formatted(place));
  }

  @Test
  void aStateDirectoryThatIsFullHasItsRemedy() {
    mount("nr_inodes=3");
    assertThat(failure("", home.toString(), place.toString()))
        .startsWith("DIRECTORY ")
        .contains(place.toString(), "No space left on device", "set TERRARIUM_HOME");
  }

  @Test
  void anInterpreterOnAFileSystemWithoutExecutionIsToldSo() throws IOException {
    mount("size=1m,noexec");
    Path python = Files.createFile(place.resolve("python"));
    assertThat(python.toFile().setExecutable(true)).isTrue();
    PoolBuilder builder = Pool.builder().adapter(Trouble.adapter()).python(python.toString());
    assertThat(Trouble.failure(StartFailedException.class, builder::start))
        .hasMessageContaining("Permission denied (%s may not be executed".formatted(python))
        .hasMessageContaining("mounted noexec");
  }
}
