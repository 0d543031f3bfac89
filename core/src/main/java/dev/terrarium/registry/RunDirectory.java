package dev.terrarium.registry;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.nio.file.StandardCopyOption.ATOMIC_MOVE;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.terrarium.base.Log;
import dev.terrarium.process.Birthmark;
import dev.terrarium.process.DeadTree;
import dev.terrarium.process.Flock;
import dev.terrarium.process.PrivateFiles;
import dev.terrarium.process.RunId;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;

/// What one runtime has on disk: `runs/RUNID` with `run.json`, `lock`, `logs/`, the ledger and the
/// audit log.
///
/// It is made under a temporary name, locked, filled, and only then given its own name, so that
/// whoever finds a directory under its own name finds it complete. The lock is held as long as the
/// JVM lives: a lock that is free proves that the run is dead, with no pid involved.
///
/// Safe for use by many threads.
public final class RunDirectory implements AutoCloseable {
  /// What the name of a directory begins with until it is complete.
  static final String TEMPORARY = ".tmp-";

  static final String LOCK = "lock";
  static final String MANIFEST = "run.json";
  static final String CGROUP = "cgroup";
  private static final String LOGS = "logs";

  /// In the place of a sockets directory whose name is lost: nothing is there.
  private static final String NO_SOCKETS = SocketsDirectory.PREFIX + "lost";

  /// How often a lock is tried that somebody has who only looks, and the pause between two tries.
  private static final int LOOKS_MAX = 20;

  private static final long LOOK_NANOS = 1_000_000;

  /// A directory under its temporary name gets its lock within a fraction of this.
  static final Duration TEMPORARY_AGE_MIN = Duration.ofMinutes(1);

  private static final Log LOG = Log.of(RunDirectory.class);
  private static final String REMEDY =
      "free space there, or set TERRARIUM_HOME to a directory that this user can write";

  private final Path path;
  private final RunManifest manifest;

  @GuardedBy("this")
  private Flock lock;

  @GuardedBy("this")
  private Optional<Path> tree = Optional.empty();

  @GuardedBy("this")
  private boolean clear;

  @GuardedBy("this")
  private boolean closed;

  private RunDirectory(Path path, RunManifest manifest, Flock lock) {
    this.path = path;
    this.manifest = manifest;
    this.lock = lock;
  }

  /// Makes and locks the directory of a run of this JVM.
  ///
  /// @param sockets where the run's sockets will be; written down here before it is made, so that a
  ///   crash in between leaves a trace. Its name has to start with `terrarium-`
  /// @throws RegistryException if the directory cannot be made
  public static RunDirectory create(
      StateDirectory state, RunId run, Birthmark.Choice birthmark, Path sockets) {
    RunIdentity identity = RunIdentity.here(run, birthmark.chosen());
    var manifest = new RunManifest(identity, Instant.now(), SocketsDirectory.requireName(sockets));
    Path temporary = state.runs().resolve(TEMPORARY + run + "-" + RunId.generate());
    try {
      return create(temporary, state.runs().resolve(run.value()), manifest);
    } catch (IOException e) {
      discard(temporary);
      throw new RegistryException(temporary, "the run's directory cannot be made", REMEDY, e);
    }
  }

  private static RunDirectory create(Path temporary, Path path, RunManifest manifest)
      throws IOException {
    Flock lock = fill(temporary, manifest);
    try {
      Files.move(temporary, path, ATOMIC_MOVE);
      return new RunDirectory(path, manifest, lock);
    } catch (IOException | RuntimeException e) {
      lock.close();
      throw e;
    }
  }

  /// Makes a directory with all that belongs there but the ledger, locked.
  private static Flock fill(Path temporary, RunManifest manifest) throws IOException {
    PrivateFiles.makeDirectory(temporary);
    Flock lock = Flock.create(temporary.resolve(LOCK)).orElseThrow(() -> taken(temporary));
    try {
      PrivateFiles.makeDirectory(temporary.resolve(LOGS));
      PrivateFiles.write(temporary.resolve(MANIFEST), bytes(manifest));
      return lock;
    } catch (IOException | RuntimeException e) {
      lock.close();
      throw e;
    }
  }

  private static byte[] bytes(RunManifest manifest) {
    return (Json.text(manifest) + "\n").getBytes(UTF_8);
  }

  private static FileSystemException taken(Path directory) {
    return new FileSystemException(directory.toString(), null, "locked by somebody else");
  }

  private static void discard(Path directory) {
    try {
      OwnFiles.remove(directory);
    } catch (IOException e) {
      LOG.warn("{} cannot be removed; a later start will do it", directory, e);
    }
  }

  /// Whether somebody holds the lock of a run: its runtime, or whoever cleans up after it. Leaves
  /// the lock as it is.
  ///
  /// @throws IOException if the directory is gone, has no lock, or does not let us in
  public static boolean isLocked(Path directory) throws IOException {
    OwnFiles.requireRegular(directory.resolve(LOCK));
    return Flock.isHeld(directory.resolve(LOCK));
  }

  /// Whether a directory lies here itself, not through a link, and belongs to this process's user:
  /// of any other nothing is believed, and nothing there is touched.
  public static boolean isOwn(Path directory) {
    return OwnFiles.isOwn(directory);
  }

  /// What `run.json` of a directory says. Where that is damaged or missing, or says something else
  /// than the ledger, whose lines are checked, it is the ledger that tells whose run it is.
  ///
  /// @throws IOException if it cannot be read
  /// @throws IllegalArgumentException if neither describes the run that the directory is named
  ///   after
  public static RunManifest read(Path directory) throws IOException {
    Optional<RunIdentity> witnessed = ledgerOrigin(directory);
    try {
      RunManifest said = Json.runManifest(OwnFiles.read(directory.resolve(MANIFEST)));
      return witnessed
          .map(identity -> new RunManifest(identity, said.startedAt(), said.sockets()))
          .orElseGet(() -> requireName(directory, said));
    } catch (NoSuchFileException | IllegalArgumentException e) {
      if (witnessed.isEmpty()) {
        throw e;
      }
      Instant made = Files.getLastModifiedTime(directory.resolve(ProcessRegistry.FILE)).toInstant();
      return new RunManifest(witnessed.get(), made, directory.resolve(NO_SOCKETS));
    }
  }

  /// As [#read], for whoever looks for what the run left.
  ///
  /// @throws RegistryException if it cannot be read or understood
  public static RunManifest readForCleanup(Path directory) {
    Path file = directory.resolve(MANIFEST);
    String remedy =
        "what that run left cannot be found by its birthmark; look for it, then remove "
            + directory;
    try {
      return read(directory);
    } catch (IOException e) {
      throw new RegistryException(file, "cannot be read", remedy, e);
    } catch (IllegalArgumentException e) {
      throw new RegistryException(file, "does not describe a run: " + e.getMessage(), remedy);
    }
  }

  /// True where a removal was cut short: `run.json` goes last but the lock, and was there before
  /// the directory had its name, so without it there is nothing left to look for. Where the ledger
  /// is still there, somebody else has removed it.
  public static boolean isHalfRemoved(Path directory) {
    return !exists(directory.resolve(MANIFEST)) && !exists(directory.resolve(ProcessRegistry.FILE));
  }

  private static boolean exists(Path file) {
    return Files.exists(file, LinkOption.NOFOLLOW_LINKS);
  }

  private static RunManifest requireName(Path directory, RunManifest said) {
    String run = said.identity().run().value();
    if (!directory.getFileName().toString().equals(run)) {
      throw new IllegalArgumentException(
          "it describes run %s, and is not in that run's directory".formatted(run));
    }
    return said;
  }

  private static Optional<RunIdentity> ledgerOrigin(Path directory) {
    String name = directory.getFileName().toString();
    try {
      return LedgerContents.read(directory.resolve(ProcessRegistry.FILE))
          .identity()
          .filter(identity -> identity.run().value().equals(name));
    } catch (IOException e) {
      return Optional.empty(); // it says nothing
    }
  }

  /// Where a dead run had its cgroups, if it had any, and if what its file names can be that.
  public static Optional<DeadTree> cgroups(Path directory, RunIdentity identity) {
    try {
      Path named = Path.of(OwnFiles.read(directory.resolve(CGROUP)).strip());
      return identity.birthmark().flatMap(mark -> DeadTree.of(named, identity.run(), mark));
    } catch (IOException | InvalidPathException e) {
      return Optional.empty();
    }
  }

  /// Takes the lock of a run. Empty: its runtime is alive, and nothing there is to be touched.
  ///
  /// @throws IOException if the directory is gone, has no lock, or does not let us in
  public static Optional<DeadRun> tryLockDead(Path directory) throws IOException {
    Path file = directory.resolve(LOCK);
    OwnFiles.requireRegular(file);
    Optional<Flock> lock = Flock.existing(file);
    for (int look = 0; lock.isEmpty() && look < LOOKS_MAX && !isLocked(directory); look++) {
      // Whoever has it only looks whether somebody has it.
      LockSupport.parkNanos(LOOK_NANOS);
      lock = Flock.existing(file);
    }
    if (lock.isPresent() && !Files.exists(file)) {
      // Somebody removed the directory between our opening the file and our locking it.
      lock.get().close();
      throw new NoSuchFileException(file.toString());
    }
    return lock.map(held -> new DeadRun(directory, held));
  }

  /// Is this the directory of a run that is still being made, or never was?
  public static boolean isTemporary(Path directory) {
    return directory.getFileName().toString().startsWith(TEMPORARY);
  }

  /// Removes a directory that was never completed, if whoever made it is dead. One that was made
  /// just now may not have its lock yet, and is left alone.
  ///
  /// @return false if it is in use
  /// @throws IOException if it cannot be removed
  public static boolean removeStaleTemporary(Path directory) throws IOException {
    Instant madeAt = Files.getLastModifiedTime(directory).toInstant();
    if (madeAt.isAfter(Instant.now().minus(TEMPORARY_AGE_MIN))) {
      return false;
    }
    Path file = directory.resolve(LOCK);
    Optional<Flock> lock = Files.exists(file) ? Flock.existing(file) : Optional.empty();
    if (lock.isEmpty() && Files.exists(file)) {
      return false;
    }
    OwnFiles.remove(directory);
    lock.ifPresent(Flock::close);
    return true;
  }

  /// Removes what a removal left that was cut short after the lock was gone.
  ///
  /// @throws IOException if there is something in it
  public static void removeEmpty(Path directory) throws IOException {
    Files.deleteIfExists(directory);
  }

  public Path path() {
    return path;
  }

  public RunManifest manifest() {
    return manifest;
  }

  /// Where the last words of the workers are kept.
  public Path logs() {
    return path.resolve(LOGS);
  }

  /// Writes down where the run's cgroups are about to be made: it is not the run's directory that
  /// they lie in.
  ///
  /// @throws RegistryException if it cannot be written
  public synchronized void recordCgroup(Path tree) {
    this.tree = Optional.of(tree);
    try {
      writeCgroup(tree);
    } catch (IOException e) {
      throw new RegistryException(path.resolve(CGROUP), "cannot be written", REMEDY, e);
    }
  }

  private void writeCgroup(Path tree) throws IOException {
    PrivateFiles.write(path.resolve(CGROUP), (tree + "\n").getBytes(UTF_8));
  }

  /// Makes again what somebody (a cleaner of old files, a hand) has removed from under the living
  /// run. Until then it is no less safe: who finds a directory without its lock, or none, leaves
  /// the run's processes alone. But nobody could clean up after it, and no warden could be started.
  ///
  /// @return what was missing; the ledger and the audit are their owners' to make again
  /// @throws IOException if it cannot be made again
  public synchronized List<String> mend() throws IOException {
    if (closed) {
      return List.of();
    }
    if (!Files.isDirectory(path)) {
      makeAgain();
      return List.of("the whole directory");
    }
    var missing = new ArrayList<String>();
    if (!lock.isOn(path.resolve(LOCK))) {
      lockAgain();
      missing.add(LOCK);
    }
    if (!Files.isDirectory(logs())) {
      PrivateFiles.makeDirectory(logs());
      missing.add(LOGS);
    }
    if (!Files.exists(path.resolve(MANIFEST))) {
      Path temporary = path.resolve(TEMPORARY + MANIFEST);
      PrivateFiles.write(temporary, bytes(manifest));
      Files.move(temporary, path.resolve(MANIFEST), ATOMIC_MOVE);
      missing.add(MANIFEST);
    }
    if (tree.isPresent() && !Files.exists(path.resolve(CGROUP))) {
      writeCgroup(tree.get());
      missing.add(CGROUP);
    }
    return missing;
  }

  @GuardedBy("this")
  private void makeAgain() throws IOException {
    Path runs = StateDirectory.of(path).runs();
    PrivateFiles.makeDirectories(runs);
    Path temporary = runs.resolve(TEMPORARY + manifest.identity().run() + "-" + RunId.generate());
    Flock next;
    try {
      next = fill(temporary, manifest);
      exchange(next, temporary, path);
      if (tree.isPresent()) {
        writeCgroup(tree.get());
      }
    } catch (IOException | RuntimeException e) {
      discard(temporary);
      throw e;
    }
  }

  /// The file has its lock before it has its name: nobody ever finds it free.
  @GuardedBy("this")
  private void lockAgain() throws IOException {
    Path temporary = path.resolve(TEMPORARY + LOCK);
    exchange(Flock.create(temporary).orElseThrow(() -> taken(path)), temporary, path.resolve(LOCK));
  }

  @GuardedBy("this")
  private void exchange(Flock next, Path from, Path to) throws IOException {
    try {
      Files.move(from, to, ATOMIC_MOVE);
    } catch (IOException | RuntimeException e) {
      next.close();
      throw e;
    }
    lock.close();
    lock = next;
  }

  /// Nothing of this run is alive any more, so [#close()] may remove its traces. Without this they
  /// stay for the next start to deal with.
  public synchronized void allClear() {
    clear = true;
  }

  /// Frees the lock; after [#allClear()] removes the directory and the sockets first. Never throws.
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    if (clear) {
      SocketsDirectory.remove(manifest.sockets());
      AuditArchive.keep(StateDirectory.of(path), path);
      discard(path);
    }
    lock.close();
  }
}
