package dev.terrarium.registry;

import dev.terrarium.process.Flock;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
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

  /// True where a removal was cut short: `run.json` goes last but the lock, and was there before
  /// the directory had its name, so without it there is nothing left to look for. Where the ledger
  /// is still there, somebody else has removed it.
  public boolean halfRemoved() {
    return !exists(RunDirectory.MANIFEST) && !exists(ProcessRegistry.FILE);
  }

  private boolean exists(String name) {
    return Files.exists(path.resolve(name), LinkOption.NOFOLLOW_LINKS);
  }

  /// Whose it was.
  ///
  /// @throws RegistryException if `run.json` cannot be read or understood
  public RunManifest manifest() {
    if (known == null) {
      known = read();
    }
    return known;
  }

  private RunManifest read() {
    Path file = path.resolve(RunDirectory.MANIFEST);
    try {
      return RunDirectory.read(path);
    } catch (IOException e) {
      throw new RegistryException(file, "cannot be read", remedy(), e);
    } catch (IllegalArgumentException e) {
      throw new RegistryException(file, "does not describe a run: " + e.getMessage(), remedy());
    }
  }

  private String remedy() {
    return "what that run left cannot be found by its birthmark; look for it, then remove " + path;
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

  /// The order makes [#halfRemoved()] true: if we die in between, the next one finds either a run
  /// to clean up, or one that was.
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
