package dev.terrarium.warden;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.terrarium.StartFailedException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32;
import java.util.zip.CRC32C;
import java.util.zip.Checksum;

/// The Python files of the jar, unpacked where interpreters can read them: `STATE/python/HASH/`.
/// The hash of their content is the folder's name, so that versions never mix and the byte code
/// that Python caches there stays valid.
public final class PythonHome {
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
          "terrarium/_limits.py",
          "terrarium/_logs.py",
          "terrarium/_loop.py",
          "terrarium/_memory.py",
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
          "terrarium/_tools.py",
          "terrarium/_values.py",
          "terrarium/_views.py",
          "terrarium/_warden.py",
          "terrarium/_warden_bounds.py",
          "terrarium/_warden_end.py",
          "terrarium/_warden_link.py",
          "terrarium/_warden_loop.py",
          "terrarium/_warden_output.py",
          "terrarium/_warden_sweep.py",
          "terrarium/_warden_workers.py",
          "terrarium/_warden_zygote.py",
          "terrarium/_wire.py",
          "terrarium/_worker.py",
          "terrarium/_zygote.py",
          "terrarium_warden.py",
          "terrarium_worker.py");

  private final Path directory;

  private PythonHome(Path directory) {
    this.directory = directory;
  }

  /// Unpacks what is not there yet. Safe for several JVMs at once: the folder appears by one
  /// rename.
  ///
  /// @throws StartFailedException where the folder cannot be written
  public static PythonHome unpack(Path stateDirectory) {
    Map<String, byte[]> files = read();
    Path target = stateDirectory.resolve("python").resolve(hash(files));
    if (!Files.isDirectory(target)) {
      try {
        write(files, target);
      } catch (IOException e) {
        throw new StartFailedException(
            StartFailedException.Reason.DIRECTORY,
            "Cannot unpack the Python files into %s (%s); make it writable or set TERRARIUM_HOME"
                .formatted(target, e),
            e);
      }
    }
    return new PythonHome(target);
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
    Path parent = java.util.Objects.requireNonNull(target.getParent());
    Files.createDirectories(parent);
    Path temporary =
        Files.createTempDirectory(
            parent,
            ".tmp-",
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    try {
      fill(temporary, files);
    } catch (IOException e) {
      discard(temporary); // a full disk would have one more with each try
      throw e;
    }
    try {
      Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
    } catch (FileAlreadyExistsException | java.nio.file.DirectoryNotEmptyException e) {
      discard(temporary); // another JVM was quicker, with the same content
    } catch (java.nio.file.FileSystemException e) {
      discard(temporary);
      if (!Files.isDirectory(target)) {
        throw e;
      }
    }
  }

  private static void fill(Path directory, Map<String, byte[]> files) throws IOException {
    for (Map.Entry<String, byte[]> file : files.entrySet()) {
      Path path = directory.resolve(file.getKey());
      Files.createDirectories(java.util.Objects.requireNonNull(path.getParent()));
      Files.write(path, file.getValue());
    }
  }

  private static void discard(Path directory) throws IOException {
    try (var paths = Files.walk(directory)) {
      for (Path path : paths.sorted(java.util.Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
  }
}
