package dev.terrarium.registry;

import dev.terrarium.process.FileErrors;
import java.io.IOException;
import java.nio.file.Path;

/// The durable record cannot be kept. Nothing was started: no process without a trace of it.
public final class RegistryException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final transient Path path;
  private final String problem;

  RegistryException(Path path, String problem, String remedy) {
    super("%s: %s; %s".formatted(path, problem, remedy));
    this.path = path;
    this.problem = problem;
  }

  /// @param remedy what helps
  public RegistryException(Path path, String problem, String remedy, IOException cause) {
    this(path, problem + " (" + FileErrors.describe(cause, path) + ")", remedy);
    initCause(cause);
  }

  /// What is wrong with it, without what helps.
  public String problem() {
    return path + ": " + problem;
  }

  /// What could not be read or written.
  public Path path() {
    return path;
  }
}
