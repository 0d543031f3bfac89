package dev.terrarium.registry;

import java.io.IOException;
import java.nio.file.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The directory of a run's sockets. It lies outside of the run's own, because a socket's path has
/// room for 104 bytes only.
final class SocketsDirectory {
  private static final Logger LOG = LoggerFactory.getLogger(SocketsDirectory.class);
  private static final String PREFIX = "terrarium-";

  private SocketsDirectory() {}

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
