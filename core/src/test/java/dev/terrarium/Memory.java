package dev.terrarium;

import static java.util.Objects.requireNonNull;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/// What this JVM has of memory files, and pools of the adapter that uses them.
final class Memory {
  private Memory() {}

  /// One worker of `adapters/large.py`.
  static PoolBuilder pool() {
    try {
      var adapter = requireNonNull(Memory.class.getResource("/adapters/large.py"));
      return Pool.builder().adapter(Path.of(adapter.toURI())).size(1);
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  /// How many memory files this JVM has open or mapped.
  static long files() {
    return Stream.concat(open(), mapped("")).distinct().count();
  }

  /// How many values it has mapped, to read them in place.
  static long mappings() {
    return mapped(" r--s ").count();
  }

  /// Inodes.
  private static Stream<Long> open() {
    try (Stream<Path> all = Files.list(Path.of("/proc/self/fd"))) {
      return all.filter(Memory::isMemory).flatMap(Memory::inode).toList().stream();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static boolean isMemory(Path descriptor) {
    try {
      return Files.readSymbolicLink(descriptor).toString().startsWith("/memfd:terrarium");
    } catch (IOException e) {
      return false; // closed meanwhile
    }
  }

  private static Stream<Long> inode(Path descriptor) {
    try {
      return Stream.of((Long) Files.getAttribute(descriptor, "unix:ino"));
    } catch (IOException e) {
      return Stream.empty(); // closed meanwhile
    }
  }

  private static Stream<Long> mapped(String how) {
    try (Stream<String> lines = Files.lines(Path.of("/proc/self/maps"))) {
      return lines
          .filter(line -> line.contains("/memfd:terrarium") && line.contains(how))
          .map(line -> Long.valueOf(line.split(" +", 6)[4]))
          .toList()
          .stream();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// Waits until this JVM has so many at most: those that it keeps for the next calls.
  static void awaitFiles(long most) {
    await().atMost(Trouble.PATIENCE).until(() -> files() <= most);
  }
}
