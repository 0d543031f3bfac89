package dev.terrarium;

import dev.terrarium.base.Log;
import dev.terrarium.process.ProcessKiller;
import dev.terrarium.worker.Worker;
import java.io.IOException;
import java.net.JarURLConnection;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.jar.JarFile;
import java.util.stream.Stream;

/// Loads and initializes all classes of the library, once in a JVM, before they are needed.
///
/// A class whose first use falls into a moment without memory, or whose file falls into one without
/// descriptors, cannot be used ever again: the JVM remembers that, and whoever should have had his
/// [DeadlineExceededException] gets a [NoClassDefFoundError]. The classes of errors are those that
/// are first used at such a moment.
final class Preloading {
  private static final String SUFFIX = ".class";
  private static final String PACKAGE = "dev/terrarium/";
  private static final Log LOG = Log.of(Preloading.class);
  private static final AtomicBoolean BEGUN = new AtomicBoolean();

  private Preloading() {}

  /// Begins, unless that was done before, on a thread of its own: some hundred milliseconds of work
  /// that nobody waits for.
  static void begin() {
    if (BEGUN.compareAndSet(false, true)) {
      try {
        Thread.ofPlatform().daemon().name("terrarium-preloading").start(Preloading::loadAll);
      } catch (OutOfMemoryError e) {
        BEGUN.set(false); // the next pool tries again
      }
    }
  }

  private static void loadAll() {
    try {
      List<String> names = names();
      names.forEach(Preloading::load);
      Worker.prepare();
      ProcessKiller.prepare();
      LOG.debug("{} classes are loaded", names.size());
    } catch (Throwable e) {
      LOG.debug("Not all classes could be loaded beforehand", e);
    }
  }

  private static void load(String name) {
    try {
      Class.forName(name, true, Preloading.class.getClassLoader());
    } catch (ClassNotFoundException | LinkageError e) {
      LOG.debug("{} cannot be loaded beforehand", name, e); // of an optional dependency, perhaps
    }
  }

  /// Of all classes beside this one, in whatever form they have come.
  static List<String> names() throws IOException {
    URL place = Preloading.class.getProtectionDomain().getCodeSource().getLocation();
    if (!place.getProtocol().equals("file")) { // a jar in a jar
      return place.openConnection() instanceof JarURLConnection nested
          ? names(nested.getJarFile().stream().map(Object::toString))
          : List.of();
    }
    Path path = pathOf(place);
    if (Files.isDirectory(path)) {
      try (Stream<Path> files = Files.walk(path)) {
        return names(files.map(file -> path.relativize(file).toString()));
      }
    }
    try (JarFile jar = new JarFile(path.toFile())) {
      return names(jar.stream().map(Object::toString));
    }
  }

  private static Path pathOf(URL place) throws IOException {
    try {
      return Path.of(place.toURI());
    } catch (URISyntaxException e) {
      throw new IOException(place + " names no file", e);
    }
  }

  private static List<String> names(Stream<String> files) {
    return files
        .filter(file -> file.startsWith(PACKAGE) && file.endsWith(SUFFIX))
        .map(file -> file.substring(0, file.length() - SUFFIX.length()).replace('/', '.'))
        .filter(name -> !name.endsWith("-info"))
        .sorted()
        .toList();
  }
}
