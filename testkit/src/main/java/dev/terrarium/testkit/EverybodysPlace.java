package dev.terrarium.testkit;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.extension.AnnotatedElementContext;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.io.TempDirFactory;

/// A test's folder where other users can go: the others lie in a build's own folders, which may be
/// below a closed one.
public final class EverybodysPlace implements TempDirFactory {
  private static final Path PLACE = Path.of("/tmp");

  @Override
  public Path createTempDirectory(AnnotatedElementContext element, ExtensionContext context)
      throws IOException {
    return Files.createTempDirectory(PLACE, "junit-");
  }
}
