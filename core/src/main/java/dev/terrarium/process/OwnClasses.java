package dev.terrarium.process;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.CodeSource;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;

/// Loads the library's classes ahead of need where they lie in a folder, as in a build: there each
/// takes a descriptor when it is first used, and one that is not found then, because none is left,
/// is not found ever after. A jar is open, so classes in it take none.
public final class OwnClasses {
  private static final AtomicBoolean LOADED = new AtomicBoolean();

  private OwnClasses() {}

  /// Loads them, once a JVM, on the caller's thread. What cannot be loaded is left for later.
  public static void load() {
    if (LOADED.compareAndSet(false, true)) {
      try {
        for (String name : names()) {
          Class.forName(name, false, OwnClasses.class.getClassLoader());
        }
      } catch (IOException | URISyntaxException | ReflectiveOperationException | LinkageError e) {
        return; // as good as not asked for
      }
    }
  }

  private static List<String> names() throws IOException, URISyntaxException {
    CodeSource source = OwnClasses.class.getProtectionDomain().getCodeSource();
    if (source == null || !"file".equals(source.getLocation().getProtocol())) {
      return List.of();
    }
    Path folder = Path.of(source.getLocation().toURI());
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    try (Stream<Path> files = Files.walk(folder)) {
      return files
          .map(file -> folder.relativize(file).toString())
          .filter(name -> name.endsWith(".class") && !name.contains("-info"))
          .map(name -> name.substring(0, name.length() - ".class".length()).replace('/', '.'))
          .toList();
    }
  }
}
