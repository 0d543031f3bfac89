package dev.terrarium.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The launcher with the real jars, which exist by now.
final class LauncherIT {
  @TempDir Path base;

  @Test
  void startsTheRealCommand() throws IOException {
    Checkout checkout =
        new Checkout(base).built().with("JAVA_HOME", System.getProperty("java.home"));
    copy(Path.of("target"), checkout.root().resolve("cli/target"));
    Ran ran = checkout.run("version");
    assertThat(ran).isEqualTo(new Ran(0, Ran.command("version").out(), ""));
  }

  private static void copy(Path from, Path to) throws IOException {
    Files.createDirectories(to.resolve("lib"));
    for (String jar : List.of("terrarium-cli-1.jar", "lib/a.jar", "lib/b.jar")) {
      Files.deleteIfExists(to.resolve(jar));
    }
    for (String folder : List.of(".", "lib")) {
      try (var jars = Files.newDirectoryStream(from.resolve(folder), "*.jar")) {
        for (Path jar : jars) {
          Files.copy(jar, to.resolve(folder).resolve(jar.getFileName()));
        }
      }
    }
  }
}
