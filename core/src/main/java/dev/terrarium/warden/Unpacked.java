package dev.terrarium.warden;

import dev.terrarium.StartFailedException;
import dev.terrarium.StartFailedException.Reason;
import dev.terrarium.base.Log;
import dev.terrarium.process.FileErrors;
import dev.terrarium.process.PrivateFiles;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.zip.CRC32C;
import java.util.zip.CheckedInputStream;

/// Files of a jar in a folder of their own, where interpreters can read them. They are this user's
/// alone, and unpacked again where somebody removed or altered them. Threads: any, and several JVMs
/// at once: the folder, and each file that is mended, appears by one rename.
public abstract sealed class Unpacked permits PythonHome, ClassPathAdapter {
  private static final Log LOG = Log.of(Unpacked.class);

  /// The time of all files: one that somebody changes gets another, and is then looked at closely.
  private static final FileTime UNPACKED = FileTime.from(Instant.parse("2001-01-01T00:00:00Z"));

  private static final String TEMPORARY = ".tmp-";
  private static final String BYTE_CODE = "__pycache__";

  private final String what;
  private final Path directory;
  private final Map<String, Content> wanted;
  private final SortedSet<Path> folders; // each after the one that it lies in

  /// What a file has to hold.
  record Content(long bytes, long sum) {
    static Content of(byte[] content) {
      var sum = new CRC32C();
      sum.update(content);
      return new Content(content.length, sum.getValue());
    }

    static Content of(InputStream in) throws IOException {
      return copied(in, OutputStream.nullOutputStream());
    }

    static Content copied(InputStream in, OutputStream out) throws IOException {
      var checked = new CheckedInputStream(in, new CRC32C());
      long bytes = checked.transferTo(out);
      return new Content(bytes, checked.getChecksum().getValue());
    }
  }

  /// Where the files come from, by their names.
  @FunctionalInterface
  interface Source {
    InputStream open(String name) throws IOException;
  }

  /// @param what they are, for messages
  /// @param wanted by the file's name, from the directory, with `/` between folders
  Unpacked(String what, Path directory, Map<String, Content> wanted) {
    this.what = what;
    this.directory = directory;
    this.wanted = new LinkedHashMap<>(wanted);
    this.folders = new TreeSet<>(List.of(above(directory), directory));
    for (String name : wanted.keySet()) {
      Path folder = above(directory.resolve(name));
      for (; !folder.equals(directory); folder = above(folder)) {
        folders.add(folder);
      }
    }
  }

  /// The folder of this version.
  public final Path directory() {
    return directory;
  }

  /// How many files there are to be.
  public final int size() {
    return wanted.size();
  }

  /// The files that are missing, or do not hold what the jar does. A cleaner of old files takes
  /// them one by one; a power cut, or a full disk, empties them.
  public final List<String> damaged() {
    return damaged(/* closely= */ true);
  }

  /// @param closely else of a file with the right size and time the content is not read, which
  ///   would cost each start some ten milliseconds
  List<String> damaged(boolean closely) {
    return wanted.keySet().stream().filter(name -> !isWhole(name, closely)).toList();
  }

  private boolean isWhole(String name, boolean closely) {
    Path file = directory.resolve(name);
    Content content = Objects.requireNonNull(wanted.get(name));
    try {
      // Not what a link points to; and to open a pipe would be to wait for somebody who writes.
      var found = Files.readAttributes(file, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
      boolean looksWhole = found.isRegularFile() && found.size() == content.bytes();
      boolean asUnpacked = !closely && found.lastModifiedTime().equals(UNPACKED);
      return looksWhole && (asUnpacked || read(file).equals(content));
    } catch (IOException e) {
      return false;
    }
  }

  private static Content read(Path file) throws IOException {
    try (InputStream in = Files.newInputStream(file)) {
      return Content.of(in);
    }
  }

  /// Why others may have put something into these folders; empty where nobody else can, or where
  /// there are none yet.
  public final Optional<String> objection() {
    for (Path folder : folders) {
      try {
        Optional<String> why =
            Files.isSymbolicLink(folder)
                ? Optional.of("it is a link")
                : PrivateFiles.objection(folder);
        if (why.isPresent()) {
          return Optional.of("%s: %s".formatted(folder, why.get()));
        }
      } catch (NoSuchFileException e) {
        // Will be made.
      } catch (IOException e) {
        return Optional.of(e.toString());
      }
    }
    return Optional.empty();
  }

  /// Unpacks again what is not as it should be: the whole folder, or the files that are damaged.
  ///
  /// @return the files that were damaged
  /// @throws StartFailedException where the folder cannot be written, or is not this user's alone
  public final List<String> mend() {
    return mend(/* closely= */ true);
  }

  /// As [#mend()].
  ///
  /// @param closely else only what its size or time shows to be damaged
  public final List<String> mend(boolean closely) {
    List<String> damaged = damaged(closely);
    making(
        () -> {
          if (!damaged.isEmpty()) {
            restore(damaged);
          }
        });
    return damaged;
  }

  /// Finds where these files come from, and has them written.
  abstract void restore(List<String> damaged) throws IOException;

  /// For people: what was mended, and where.
  public final String describe(List<String> mended) {
    return "%s: missing or altered, and unpacked again: %d of %d files (%s); if that was a cleaner of old files, keep it away from there"
        .formatted(directory, mended.size(), size(), String.join(", ", mended));
  }

  /// Unpacks at a start, and says what was mended: nothing where there was no folder yet.
  final void unpack(List<String> damaged, Source source) {
    boolean first = !Files.isDirectory(directory);
    making(() -> write(damaged, source));
    if (!first && !damaged.isEmpty()) {
      LOG.warn("{}", describe(damaged));
    }
  }

  @FunctionalInterface
  private interface Making {
    void run() throws IOException;
  }

  private void making(Making making) {
    objection()
        .ifPresent(
            why -> {
              throw new StartFailedException(
                  Reason.DIRECTORY,
                  "Cannot run %s of %s; make it this user's alone (chmod 700), remove it, or set TERRARIUM_HOME"
                      .formatted(what, why));
            });
    try {
      making.run();
    } catch (IOException e) {
      throw new StartFailedException(
          Reason.DIRECTORY,
          "Cannot unpack %s into %s (%s); make it writable, free space there, or set TERRARIUM_HOME"
              .formatted(what, directory, FileErrors.describe(e, directory)),
          e);
    }
  }

  final void write(List<String> damaged, Source source) throws IOException {
    if (damaged.size() == size() && !Files.isDirectory(directory)) {
      writeAll(source);
      return;
    }
    for (String name : damaged) {
      replace(name, source);
    }
  }

  /// Whoever reads it meanwhile sees what was there or what is to be there, whole.
  private void replace(String name, Source source) throws IOException {
    Path file = directory.resolve(name);
    PrivateFiles.makeDirectories(file.resolveSibling(BYTE_CODE));
    Path temporary = PrivateFiles.makeTemporaryFile(above(file), TEMPORARY);
    try {
      write(name, source, temporary);
      Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(temporary);
    }
    forgetByteCode(file);
  }

  private void write(String name, Source source, Path file) throws IOException {
    PrivateFiles.makeFile(file);
    try (InputStream in = source.open(name);
        OutputStream out = Files.newOutputStream(file)) {
      if (!Content.copied(in, out).equals(wanted.get(name))) {
        throw new IOException(name + " is another than the one that was unpacked first");
      }
    }
    Files.setLastModifiedTime(file, UNPACKED);
  }

  private void writeAll(Source source) throws IOException {
    Path parent = above(directory);
    PrivateFiles.makeDirectories(parent);
    Path temporary = PrivateFiles.makeTemporaryDirectory(parent, TEMPORARY);
    try {
      for (String name : wanted.keySet()) {
        Path file = temporary.resolve(name);
        // Python would make these as the umask says.
        PrivateFiles.makeDirectories(file.resolveSibling(BYTE_CODE));
        write(name, source, file);
      }
    } catch (IOException e) {
      discard(temporary); // a full disk would have one more with each try
      throw e;
    }
    try {
      Files.move(temporary, directory, StandardCopyOption.ATOMIC_MOVE);
    } catch (FileAlreadyExistsException | DirectoryNotEmptyException e) {
      discard(temporary); // another JVM was quicker, with the same content
    } catch (FileSystemException e) {
      discard(temporary);
      if (!Files.isDirectory(directory)) {
        throw e;
      }
    }
  }

  private static void discard(Path directory) throws IOException {
    try (var paths = Files.walk(directory)) {
      for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
  }

  /// Throws away what interpreters have compiled, which they do again when they need it. Whether it
  /// is damaged only they could tell, and they die of it.
  ///
  /// @return whether there was anything
  /// @throws IOException where it cannot be removed
  public final boolean forgetByteCode() throws IOException {
    boolean any = false;
    for (Path folder : folders.tailSet(directory)) {
      any |= removeCompiled(folder.resolve(BYTE_CODE), "*");
    }
    return any;
  }

  /// What was compiled from the altered file counts for one of the same size and second.
  private static void forgetByteCode(Path file) throws IOException {
    String stem = String.valueOf(file.getFileName()).replaceFirst("\\.py$", "");
    boolean _ = removeCompiled(file.resolveSibling(BYTE_CODE), stem);
  }

  private static boolean removeCompiled(Path folder, String stem) throws IOException {
    boolean any = false;
    try (var compiled = Files.newDirectoryStream(folder, stem + ".*.pyc*")) {
      for (Path each : compiled) {
        any |= Files.deleteIfExists(each);
      }
    } catch (NoSuchFileException e) {
      return false; // nothing was compiled
    }
    return any;
  }

  static Path above(Path path) {
    return Objects.requireNonNull(path.getParent());
  }
}
