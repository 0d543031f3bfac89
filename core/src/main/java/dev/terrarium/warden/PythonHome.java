package dev.terrarium.warden;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.terrarium.StartFailedException;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.zip.CRC32;
import java.util.zip.CRC32C;
import java.util.zip.Checksum;

/// The Python files of the jar, unpacked where interpreters can read them: `STATE/python/HASH/`.
/// The hash of their content is the folder's name, so that versions never mix and the byte code
/// that Python caches there stays valid.
public final class PythonHome extends Unpacked {
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
          "terrarium/_connection.py",
          "terrarium/_context.py",
          "terrarium/_cpython.py",
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
          "terrarium/_protocol.py",
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
          "terrarium/_worker_loop.py",
          "terrarium/_zygote.py",
          "terrarium_warden.py",
          "terrarium_worker.py");

  private static final String FOLDER = "python";

  private PythonHome(Path stateDirectory, Map<String, byte[]> files) {
    super("the Python files", stateDirectory.resolve(FOLDER).resolve(hash(files)), contents(files));
  }

  private static Map<String, Content> contents(Map<String, byte[]> files) {
    Map<String, Content> contents = new LinkedHashMap<>();
    files.forEach((name, content) -> contents.put(name, Content.of(content)));
    return contents;
  }

  /// Unpacks what is not there yet, or is not what it should be.
  ///
  /// @throws StartFailedException where the folder cannot be written, or is not this user's alone
  public static PythonHome unpack(Path stateDirectory) {
    Map<String, byte[]> files = read();
    var home = new PythonHome(stateDirectory, files);
    home.unpack(
        home.damaged(/* closely= */ false),
        name -> new ByteArrayInputStream(Objects.requireNonNull(files.get(name))));
    return home;
  }

  /// Where they are, or would be, for whoever only looks.
  public static PythonHome locate(Path stateDirectory) {
    return new PythonHome(stateDirectory, read());
  }

  @Override
  List<String> damaged(boolean closely) {
    boolean unchecked =
        above(above(directory())).toString().equals(System.getProperty(UNCHECKED))
            && Files.isDirectory(directory());
    return unchecked ? List.of() : super.damaged(closely);
  }

  @Override
  void restore(List<String> damaged) throws IOException {
    write(damaged, PythonHome::open);
  }

  public Path warden() {
    return directory().resolve("terrarium_warden.py");
  }

  public Path worker() {
    return directory().resolve("terrarium_worker.py");
  }

  private static Map<String, byte[]> read() {
    Map<String, byte[]> files = new LinkedHashMap<>();
    for (String name : FILES) {
      try (InputStream in = open(name)) {
        files.put(name, in.readAllBytes());
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
    return files;
  }

  private static InputStream open(String name) {
    InputStream in = PythonHome.class.getResourceAsStream("/dev/terrarium/python/" + name);
    if (in == null) {
      throw new IllegalStateException("terrarium-core.jar lacks " + name);
    }
    return in;
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
}
