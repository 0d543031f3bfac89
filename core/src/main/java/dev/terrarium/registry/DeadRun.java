package dev.terrarium.registry;

import dev.terrarium.process.Flock;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/// The directory of a run whose runtime is dead: we hold its lock, so nobody else cleans up there.
/// Closing frees the lock and leaves the rest. Not for several threads.
public final class DeadRun implements AutoCloseable {
  private final Path path;
  private final Flock lock;
  private @Nullable RunManifest known;

  DeadRun(Path path, Flock lock) {
    this.path = path;
    this.lock = lock;
  }

  public Path path() {
    return path;
  }

  boolean halfRemoved() {
    return RunDirectory.isHalfRemoved(path);
  }

  /// Whose it was.
  ///
  /// @throws RegistryException if `run.json` cannot be read or understood
  public RunManifest manifest() {
    if (known == null) {
      known = RunDirectory.readForCleanup(path);
    }
    return known;
  }

  /// Removes what the run left on disk. Only for a run of which nothing is alive.
  ///
  /// @throws IOException if something cannot be removed
  public void remove() throws IOException {
    if (!halfRemoved()) {
      removeContents();
    }
    OwnFiles.remove(path);
  }

  /// The order makes [RunDirectory#isHalfRemoved] true: if we die in between, the next one finds
  /// either a run to clean up, or one that was.
  private void removeContents() throws IOException {
    SocketsDirectory.removeDead(manifest().sockets());
    AuditArchive.keep(StateDirectory.of(path), path);
    try (var entries = Files.newDirectoryStream(path, DeadRun::isContent)) {
      for (Path entry : entries) {
        OwnFiles.remove(entry);
      }
    }
    Files.deleteIfExists(path.resolve(RunDirectory.MANIFEST));
  }

  private static boolean isContent(Path entry) {
    String name = entry.getFileName().toString();
    return !name.equals(RunDirectory.LOCK) && !name.equals(RunDirectory.MANIFEST);
  }

  @Override
  public void close() {
    lock.close();
  }
}
