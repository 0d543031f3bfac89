package dev.terrarium.registry;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.List;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The directory of a run's sockets. It lies outside of the run's own, because a socket's path has
/// room for 104 bytes only.
public final class SocketsDirectory {
  /// `sun_path` holds 108 bytes; other systems have 104, and a margin costs nothing.
  public static final int SOCKET_PATH_BYTES_MAX = 103;

  private static final Logger LOG = LoggerFactory.getLogger(SocketsDirectory.class);
  static final String PREFIX = "terrarium-";
  private static final int SOCKET_NAME_BYTES = 2; // a slash and a letter

  private SocketsDirectory() {}

  /// A path that nobody has, and that is short enough for sockets in it; nothing is made. Random,
  /// because a name that two hosts share would make one end the other's workers.
  ///
  /// @throws RegistryException if it would be too long
  public static Path choose() {
    long name = new SecureRandom().nextLong() >>> 16;
    Path directory = place().resolve(PREFIX + Long.toString(name, Character.MAX_RADIX));
    int length = directory.toString().getBytes(UTF_8).length + SOCKET_NAME_BYTES;
    if (length > SOCKET_PATH_BYTES_MAX) {
      throw new RegistryException(
          directory,
          "a socket's path there has %d bytes, more than %d"
              .formatted(length, SOCKET_PATH_BYTES_MAX),
          "set XDG_RUNTIME_DIR or java.io.tmpdir to a shorter one");
    }
    return directory;
  }

  /// Where directories of sockets are made: `XDG_RUNTIME_DIR`, else the temporary directory.
  public static Path place() {
    Path chosen = Path.of(System.getenv().getOrDefault("XDG_RUNTIME_DIR", ""));
    Path place = chosen.isAbsolute() && Files.isWritable(chosen) ? chosen : temporary();
    return place.normalize();
  }

  private static Path temporary() {
    return Path.of(System.getProperty("java.io.tmpdir")).toAbsolutePath();
  }

  /// What this user has that is named like one, in either place; whether it is in use does not
  /// show.
  public static List<Path> existing() {
    return Stream.of(place(), temporary().normalize())
        .distinct()
        .flatMap(it -> named(it).stream())
        .filter(OwnFiles::isOwn)
        .sorted()
        .toList();
  }

  private static List<Path> named(Path place) {
    try (Stream<Path> entries = Files.list(place)) {
      return entries.filter(SocketsDirectory::hasName).toList();
    } catch (IOException | UncheckedIOException e) {
      return List.of(); // what does not let us in holds nothing of ours
    }
  }

  /// @throws IllegalArgumentException if the name is none that [#remove(Path)] would touch
  static Path requireName(Path directory) {
    if (!hasName(directory)) {
      throw new IllegalArgumentException(
          "the sockets need an absolute path to a directory named %s…, not %s"
              .formatted(PREFIX, directory));
    }
    return directory;
  }

  private static boolean hasName(Path directory) {
    Path name = directory.getFileName();
    return directory.isAbsolute()
        && directory.equals(directory.normalize())
        && name != null
        && name.toString().startsWith(PREFIX);
  }

  /// Removes it, if by its name and owner it is what it should be. What a file says is no proof: a
  /// `run.json` that somebody changed must not make us remove anything else.
  static void remove(Path directory) {
    if (!hasName(directory) || !OwnFiles.isOwn(directory)) {
      return;
    }
    try {
      OwnFiles.remove(directory);
    } catch (IOException e) {
      LOG.warn("{} cannot be removed", directory, e);
    }
  }
}
