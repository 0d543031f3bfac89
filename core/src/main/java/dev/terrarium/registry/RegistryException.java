package dev.terrarium.registry;

import dev.terrarium.process.FileErrors;
import java.io.IOException;
import java.nio.file.Path;

/// The durable record cannot be kept. Nothing was started: no process without a trace of it.
public final class RegistryException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final transient Path path;

  RegistryException(Path path, String problem, String remedy) {
    super(message(path, problem, remedy));
    this.path = path;
  }

  /// @param remedy what helps
  public RegistryException(Path path, String problem, String remedy, IOException cause) {
    super(message(path, problem + " (" + FileErrors.describe(cause, path) + ")", remedy), cause);
    this.path = path;
  }

  private static String message(Path path, String problem, String remedy) {
    return "%s: %s; %s".formatted(path, problem, remedy);
  }

  /// What could not be read or written.
  public Path path() {
    return path;
  }
}
