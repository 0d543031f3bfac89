package dev.terrarium.registry;

import dev.terrarium.process.Cgroups;
import dev.terrarium.process.Flock;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// The directory of a run whose runtime is dead: we hold its lock, so nobody else cleans up there.
/// Closing frees the lock and leaves the rest. Not for several threads.
public final class DeadRun implements AutoCloseable {
  private final Path path;
  private final Flock lock;
  private @Nullable RunDetails known;

  DeadRun(Path path, Flock lock) {
    this.path = path;
    this.lock = lock;
  }

  public Path path() {
    return path;
  }

  /// True where a removal was cut short: `run.json` goes last but the lock, and was there before
  /// the directory had its name, so without it there is nothing left to look for.
  public boolean halfRemoved() {
    return !Files.exists(path.resolve(RunDirectory.DETAILS));
  }

  /// Whose it was.
  ///
  /// @throws RegistryException if `run.json` cannot be read or understood
  public RunDetails details() {
    if (known == null) {
      known = read();
    }
    return known;
  }

  private RunDetails read() {
    Path file = path.resolve(RunDirectory.DETAILS);
    try {
      return RunDirectory.read(path);
    } catch (IOException e) {
      throw new RegistryException(file, "cannot be read", remedy(), e);
    } catch (IllegalArgumentException e) {
      throw new RegistryException(file, "does not describe a run: " + e.getMessage(), remedy());
    }
  }

  /// Where it had its cgroups, if it had any, and if it can be what it says.
  public Optional<Path> cgroup() {
    try {
      Path tree = Path.of(OwnFiles.read(path.resolve(RunDirectory.CGROUP)).strip());
      return Optional.of(tree).filter(it -> Cgroups.isTreeOf(it, details().origin().run()));
    } catch (IOException | InvalidPathException e) {
      return Optional.empty();
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
    SocketsDirectory.remove(details().sockets());
    AuditArchive.keep(StateDirectory.of(path), path);
    try (var entries = Files.newDirectoryStream(path, DeadRun::isContent)) {
      for (Path entry : entries) {
        OwnFiles.remove(entry);
      }
    }
    Files.deleteIfExists(path.resolve(RunDirectory.DETAILS));
  }

  private static boolean isContent(Path entry) {
    String name = entry.getFileName().toString();
    return !name.equals(RunDirectory.LOCK) && !name.equals(RunDirectory.DETAILS);
  }

  @Override
  public void close() {
    lock.close();
  }
}
