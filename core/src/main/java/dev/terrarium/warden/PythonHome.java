package dev.terrarium.warden;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.terrarium.StartFailedException;
import dev.terrarium.StartFailedException.Reason;
import dev.terrarium.base.Log;
import dev.terrarium.process.FileErrors;
import dev.terrarium.process.PrivateFiles;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
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
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.zip.CRC32;
import java.util.zip.CRC32C;
import java.util.zip.Checksum;

/// The Python files of the jar, unpacked where interpreters can read them: `STATE/python/HASH/`.
/// The hash of their content is the folder's name, so that versions never mix and the byte code
/// that Python caches there stays valid.
public final class PythonHome {
  /// System property: a state directory whose Python files are used as they are. For tests, and for
  /// trying out a change in place.
  public static final String UNCHECKED = "terrarium.python.unchecked";

  /// Every Python file in the jar; a test holds this list against the folder `python/`.
  static final List<String> FILES =
      List.of(
          "terrarium/__init__.py",
          "terrarium/__main__.py",
          "terrarium/_adapter.py",
          "terrarium/_answers.py",
          "terrarium/_arguments.py",
          "terrarium/_bootstrap.py",
          "terrarium/_bytecode.py",
          "terrarium/_calls.py",
          "terrarium/_context.py",
          "terrarium/_errors.py",
          "terrarium/_leaving.py",
          "terrarium/_leftovers.py",
          "terrarium/_limits.py",
          "terrarium/_logs.py",
          "terrarium/_loop.py",
          "terrarium/_memory.py",
          "terrarium/_missing.py",
          "terrarium/_namespace.py",
          "terrarium/_plain.py",
          "terrarium/_proc.py",
          "terrarium/_reader.py",
          "terrarium/_registry.py",
          "terrarium/_rehearsal.py",
          "terrarium/_runner.py",
          "terrarium/_selector.py",
          "terrarium/_spec.py",
          "terrarium/_stacks.py",
          "terrarium/_stdlib.py",
          "terrarium/_tools.py",
          "terrarium/_types.py",
          "terrarium/_values.py",
          "terrarium/_views.py",
          "terrarium/_warden.py",
          "terrarium/_warden_bounds.py",
          "terrarium/_warden_end.py",
          "terrarium/_warden_helpers.py",
          "terrarium/_warden_link.py",
          "terrarium/_warden_loop.py",
          "terrarium/_warden_memory.py",
          "terrarium/_warden_output.py",
          "terrarium/_warden_sweep.py",
          "terrarium/_warden_workers.py",
          "terrarium/_warden_zygote.py",
          "terrarium/_wire.py",
          "terrarium/_worker.py",
          "terrarium/_zygote.py",
          "terrarium_warden.py",
          "terrarium_worker.py");

  private static final Log LOG = Log.of(PythonHome.class);
  private static final String FOLDER = "python";
  private static final String PACKAGE = "terrarium";

  /// The time of all files: one that somebody changes gets another, and is then looked at closely.
  private static final FileTime UNPACKED = FileTime.from(Instant.parse("2001-01-01T00:00:00Z"));

  private static final String TEMPORARY = ".tmp-";
  private static final String BYTE_CODE = "__pycache__";

  private final Path directory;
  private final Map<String, Content> wanted;

  /// What a file has to hold.
  private record Content(int bytes, long sum) {
    static Content of(byte[] content) {
      var sum = new CRC32C();
      sum.update(content);
      return new Content(content.length, sum.getValue());
    }
  }

  private PythonHome(Path stateDirectory, Map<String, byte[]> files) {
    this.directory = stateDirectory.resolve(FOLDER).resolve(hash(files));
    this.wanted = new LinkedHashMap<>();
    files.forEach((name, content) -> wanted.put(name, Content.of(content)));
  }

  /// Unpacks what is not there yet, or is not what it should be. Safe for several JVMs at once, and
  /// beside others that use it: the folder, and each file that is mended, appears by one rename.
  ///
  /// @throws StartFailedException where the folder cannot be written, or is not this user's alone
  public static PythonHome unpack(Path stateDirectory) {
    Map<String, byte[]> files = read();
    var home = new PythonHome(stateDirectory, files);
    List<String> mended = home.mend(home.damaged(/* closely= */ false), files);
    if (!mended.isEmpty()) {
      LOG.warn("{}", home.describe(mended));
    }
    return home;
  }

  /// Where they are, or would be, for whoever only looks.
  public static PythonHome locate(Path stateDirectory) {
    return new PythonHome(stateDirectory, read());
  }

  /// The folder of this version.
  public Path directory() {
    return directory;
  }

  /// How many files there are to be.
  public int size() {
    return wanted.size();
  }

  /// The files that are missing, or do not hold what the jar does. A cleaner of old files takes
  /// them one by one; a power cut, or a full disk, empties them.
  public List<String> damaged() {
    return damaged(/* closely= */ true);
  }

  private List<String> damaged(boolean closely) {
    boolean unchecked =
        above(above(directory)).toString().equals(System.getProperty(UNCHECKED))
            && Files.isDirectory(directory);
    return unchecked
        ? List.of()
        : wanted.keySet().stream().filter(name -> !isWhole(name, closely)).toList();
  }

  /// @param closely else size and time are enough: to read all that is there would cost each start
  ///   some ten milliseconds
  private boolean isWhole(String name, boolean closely) {
    Path file = directory.resolve(name);
    Content content = Objects.requireNonNull(wanted.get(name));
    try {
      // Not what a link points to; and to open a pipe would be to wait for somebody who writes.
      var found = Files.readAttributes(file, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
      boolean looksWhole = found.isRegularFile() && found.size() == content.bytes();
      boolean asUnpacked = !closely && found.lastModifiedTime().equals(UNPACKED);
      return looksWhole && (asUnpacked || Content.of(Files.readAllBytes(file)).equals(content));
    } catch (IOException e) {
      return false;
    }
  }

  /// Why others may have put something into these folders; empty where nobody else can, or where
  /// there are none yet.
  public Optional<String> objection() {
    for (Path folder : folders()) {
      try {
        Optional<String> why = PrivateFiles.objection(folder);
        if (why.isPresent()) {
          return Optional.of("%s: %s".formatted(folder, why.get()));
        }
      } catch (NoSuchFileException e) {
        return Optional.empty(); // nor are those below it
      } catch (IOException e) {
        return Optional.of(e.toString());
      }
    }
    return Optional.empty();
  }

  private List<Path> folders() {
    return List.of(above(directory), directory, directory.resolve(PACKAGE));
  }

  /// Unpacks again what is not as it should be: the whole folder, or the files that are damaged.
  ///
  /// @return the files that were damaged
  /// @throws StartFailedException where the folder cannot be written, or is not this user's alone
  public List<String> mend() {
    List<String> damaged = damaged();
    return mend(damaged, damaged.isEmpty() ? Map.of() : read());
  }

  /// For people: what was mended, and where.
  public String describe(List<String> mended) {
    return "%s: missing or altered, and unpacked again: %d of %d files (%s); if that was a cleaner of old files, keep it away from there"
        .formatted(directory, mended.size(), size(), String.join(", ", mended));
  }

  private List<String> mend(List<String> damaged, Map<String, byte[]> files) {
    objection()
        .ifPresent(
            why -> {
              throw new StartFailedException(
                  Reason.DIRECTORY,
                  "Cannot run the Python files of %s; make it this user's alone (chmod 700), remove it, or set TERRARIUM_HOME"
                      .formatted(why));
            });
    try {
      if (damaged.size() == size() && !Files.isDirectory(directory)) {
        write(files, directory);
        return List.of();
      }
      for (String name : damaged) {
        replace(directory.resolve(name), Objects.requireNonNull(files.get(name)));
      }
      return damaged;
    } catch (IOException e) {
      throw new StartFailedException(
          Reason.DIRECTORY,
          "Cannot unpack the Python files into %s (%s); make it writable, free space there, or set TERRARIUM_HOME"
              .formatted(directory, FileErrors.describe(e, directory)),
          e);
    }
  }

  /// Whoever reads it meanwhile sees what was there or what is to be there, whole.
  private static void replace(Path file, byte[] content) throws IOException {
    Path parent = above(file);
    PrivateFiles.makeDirectories(parent);
    Path temporary = PrivateFiles.makeTemporaryFile(parent, TEMPORARY);
    try {
      Files.write(temporary, content);
      Files.setLastModifiedTime(temporary, UNPACKED);
      Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      Files.deleteIfExists(temporary);
      throw e;
    }
    forgetByteCode(file);
  }

  /// Throws away what interpreters have compiled, which they do again when they need it. Whether it
  /// is damaged only they could tell, and they die of it.
  ///
  /// @return whether there was anything
  /// @throws IOException where it cannot be removed
  public boolean forgetByteCode() throws IOException {
    boolean any = false;
    for (Path folder : List.of(directory, directory.resolve(PACKAGE))) {
      any |= removeCompiled(folder.resolve(BYTE_CODE), "*");
    }
    return any;
  }

  /// What was compiled from the altered file counts for one of the same size and second.
  private static void forgetByteCode(Path file) throws IOException {
    String name = String.valueOf(file.getFileName());
    String stem = name.substring(0, name.length() - ".py".length());
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

  private static Path above(Path path) {
    return Objects.requireNonNull(path.getParent());
  }

  public Path warden() {
    return directory.resolve("terrarium_warden.py");
  }

  public Path worker() {
    return directory.resolve("terrarium_worker.py");
  }

  private static Map<String, byte[]> read() {
    Map<String, byte[]> files = new LinkedHashMap<>();
    for (String name : FILES) {
      try (InputStream in = PythonHome.class.getResourceAsStream("/dev/terrarium/python/" + name)) {
        if (in == null) {
          throw new IllegalStateException("terrarium-core.jar lacks " + name);
        }
        files.put(name, in.readAllBytes());
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
    return files;
  }

  // Two checksums that the JVM computes in no time, even before anything is compiled: SHA-256 of so
  // much costs a fresh one 40 ms. Nobody is to be kept out here but other versions.
  private static String hash(Map<String, byte[]> files) {
    Checksum[] sums = {new CRC32(), new CRC32C()};
    for (Checksum sum : sums) {
      for (Map.Entry<String, byte[]> file : files.entrySet()) {
        sum.update(file.getKey().getBytes(UTF_8));
        sum.update(0);
        sum.update(file.getValue());
      }
    }
    return HexFormat.of().toHexDigits(sums[0].getValue() << Integer.SIZE | sums[1].getValue());
  }

  private static void write(Map<String, byte[]> files, Path target) throws IOException {
    Path parent = above(target);
    PrivateFiles.makeDirectories(parent);
    Path temporary = PrivateFiles.makeTemporaryDirectory(parent, TEMPORARY);
    try {
      fill(temporary, files);
    } catch (IOException e) {
      discard(temporary); // a full disk would have one more with each try
      throw e;
    }
    try {
      Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
    } catch (FileAlreadyExistsException | DirectoryNotEmptyException e) {
      discard(temporary); // another JVM was quicker, with the same content
    } catch (FileSystemException e) {
      discard(temporary);
      if (!Files.isDirectory(target)) {
        throw e;
      }
    }
  }

  private static void fill(Path directory, Map<String, byte[]> files) throws IOException {
    for (Map.Entry<String, byte[]> file : files.entrySet()) {
      Path path = directory.resolve(file.getKey());
      // Python would make these as the umask says.
      PrivateFiles.makeDirectories(path.resolveSibling(BYTE_CODE));
      PrivateFiles.write(path, file.getValue());
      Files.setLastModifiedTime(path, UNPACKED);
    }
  }

  private static void discard(Path directory) throws IOException {
    try (var paths = Files.walk(directory)) {
      for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
  }
}
