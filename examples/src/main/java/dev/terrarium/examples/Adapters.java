package dev.terrarium.examples;

import java.nio.file.Files;
import java.nio.file.Path;

/// Finds the adapters of the examples from the project's folder and from the module's. A program of
/// yours says `Path.of("textstats.py")`.
final class Adapters {
  private Adapters() {}

  static Path path(String name) {
    Path fromProject = Path.of("examples", "adapters", name);
    return Files.exists(fromProject) ? fromProject : Path.of("adapters", name);
  }
}
