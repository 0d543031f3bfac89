package dev.terrarium.trials;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/// Where things are, seen from the project's folder and from the module's.
final class Places {
  private Places() {}

  static Path adapter() {
    return module().resolve("adapters").resolve("tenant.py");
  }

  static Path exhausted() {
    return module().resolve("adapters").resolve("exhausted.py");
  }

  /// The stranger that looks like a worker of old.
  static Path lookalike() {
    return module().resolve("bystanders").resolve("grpc_server.py");
  }

  static Path docs() {
    return module().resolveSibling("docs");
  }

  private static Path module() {
    Path fromProject = Path.of("trials").toAbsolutePath();
    return Files.exists(fromProject.resolve("adapters"))
        ? fromProject
        : Path.of("").toAbsolutePath();
  }

  /// A new folder for one trial.
  static Path scratch() {
    try {
      return Files.createTempDirectory("trial-");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// Removes a folder with all that is in it.
  static void remove(Path folder) {
    try (Stream<Path> below = Files.walk(folder)) {
      List<Path> deepestFirst = below.sorted(Comparator.reverseOrder()).toList();
      for (Path path : deepestFirst) {
        Files.deleteIfExists(path);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
