package dev.terrarium.cli.demo;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// Where the demo's adapters are: in the checkout that the launcher names, else unpacked from the
/// jar into a temporary folder, which goes with the demo.
final class DemoAdapters implements AutoCloseable {
  private final @Nullable String checkout = System.getProperty("terrarium.adapters");
  private final Thread hook = new Thread(this::delete, "terrarium-demo-adapters");
  private @Nullable Path unpacked;

  /// The adapter's file.
  Path find(String name) throws IOException {
    if (checkout != null && Files.exists(Path.of(checkout, name))) {
      return Path.of(checkout, name);
    }
    Path file = folder().resolve(name);
    try (InputStream in =
        DemoAdapters.class.getResourceAsStream("/dev/terrarium/cli/adapters/" + name)) {
      Files.copy(Objects.requireNonNull(in, name), file);
    }
    return file;
  }

  private synchronized Path folder() throws IOException {
    if (unpacked == null) {
      unpacked = Files.createTempDirectory("terrarium-demo-");
      Runtime.getRuntime().addShutdownHook(hook);
    }
    return unpacked;
  }

  private synchronized void delete() {
    if (unpacked == null) {
      return;
    }
    try (var files = Files.walk(unpacked)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(file);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    unpacked = null;
  }

  @Override
  public void close() {
    if (unpacked != null) {
      delete();
      Runtime.getRuntime().removeShutdownHook(hook);
    }
  }
}
