package dev.terrarium.warden;

import java.io.IOException;
import java.io.InputStream;
import java.net.JarURLConnection;
import java.net.URISyntaxException;
import java.net.URL;
import java.net.URLConnection;
import java.nio.file.FileSystemNotFoundException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.jar.JarFile;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;

/// All that lies in the same jar, or folder of classes, as one resource. A jar within a jar, as
/// Spring Boot packs them, is one as well: its loader's connections are [JarURLConnection]s.
abstract sealed class Resources implements AutoCloseable {
  private final String entry;

  private Resources(String entry) {
    this.entry = entry;
  }

  /// @param name of the resource, from the root of the class path
  /// @throws IOException also where it lies in neither
  static Resources around(URL resource, String name) throws IOException {
    URLConnection connection = resource.openConnection();
    if (connection instanceof JarURLConnection jar) {
      jar.setUseCaches(false); // ours to close
      return new InJar(jar.getJarFile(), jar.getEntryName());
    }
    try {
      return new InFolder(Path.of(resource.toURI()), name);
    } catch (URISyntaxException | IllegalArgumentException | FileSystemNotFoundException e) {
      throw new IOException(resource + " is in no jar and no folder", e);
    }
  }

  /// The name of the one resource.
  String entry() {
    return entry;
  }

  /// Names of files, from the root, with `/` between folders.
  ///
  /// @param beginning what all of them begin with: a folder with a slash at its end, or a file
  abstract List<String> names(String beginning) throws IOException;

  abstract boolean has(String name);

  abstract InputStream open(String name) throws IOException;

  @Override
  public abstract void close() throws IOException;

  private static final class InJar extends Resources {
    private final JarFile jar;

    InJar(JarFile jar, String entry) {
      super(entry);
      this.jar = jar;
    }

    @Override
    List<String> names(String beginning) {
      return jar.stream()
          .filter(it -> !it.isDirectory() && it.getName().startsWith(beginning))
          .map(ZipEntry::getName)
          .toList();
    }

    @Override
    boolean has(String name) {
      return jar.getEntry(name) != null;
    }

    @Override
    InputStream open(String name) throws IOException {
      ZipEntry found = jar.getEntry(name);
      if (found == null) {
        throw new NoSuchFileException(jar.getName() + "!/" + name);
      }
      return jar.getInputStream(found);
    }

    @Override
    public void close() throws IOException {
      jar.close();
    }
  }

  /// Of classes, or of a module in the image of a runtime.
  private static final class InFolder extends Resources {
    private final Path root;

    InFolder(Path resource, String name) {
      super(name);
      String up = "../".repeat(name.split("/", -1).length);
      this.root = resource.resolve(up).normalize();
    }

    @Override
    List<String> names(String beginning) throws IOException {
      try (Stream<Path> files = Files.walk(root.resolve(beginning))) {
        return files
            .filter(Files::isRegularFile)
            .map(it -> root.relativize(it).toString())
            .toList();
      }
    }

    @Override
    boolean has(String name) {
      return Files.exists(root.resolve(name));
    }

    @Override
    InputStream open(String name) throws IOException {
      return Files.newInputStream(root.resolve(name));
    }

    @Override
    public void close() {}
  }
}
