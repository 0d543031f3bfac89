package dev.terrarium.trials;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;

/// What one worker and its children wrote down in their folder.
record Traces(Path folder) {
  static Traces make(Path folder) {
    try {
      return new Traces(Files.createDirectories(folder));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// Which tenant of its host it is.
  int number() {
    String name = folder.getFileName().toString();
    return Integer.parseInt(name.substring(name.indexOf('-') + 1));
  }

  /// Everybody so far, dead or alive; of a chain nobody.
  List<Noted> noted() {
    try {
      return Files.readString(folder.resolve("kin")).lines().map(Noted::parse).toList();
    } catch (NoSuchFileException e) {
      return List.of();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// Whether any link of a chain is alive.
  boolean chained() {
    return Flocks.held(folder.resolve("chain"));
  }

  /// Ends a chain that nobody else has ended.
  void endChain() {
    try {
      Files.deleteIfExists(folder.resolve("chain"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// Whether the worker is in its state.
  boolean entered() {
    return Files.exists(folder.resolve("entered"));
  }
}
