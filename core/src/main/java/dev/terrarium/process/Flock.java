package dev.terrarium.process;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;

/// An exclusive `flock(2)` on a file, held until [#close()] or the death of the JVM, whichever way
/// it dies.
///
/// Java's own file locks will not do: they are POSIX locks, and opening and closing the same file
/// once more anywhere in the JVM (a `readAllBytes` is enough) frees them for everybody else while
/// `isValid()` stays true. This one is bound to its descriptor, which no exec inherits. Two
/// runtimes in one JVM exclude each other, too. Safe for use by many threads.
public final class Flock implements AutoCloseable {
  private static final int CLOSED = -1;
  private static final int OWNER_ONLY = 0600;

  private final AtomicInteger descriptor;

  private Flock(int descriptor) {
    this.descriptor = new AtomicInteger(descriptor);
  }

  /// The first native call takes a fresh JVM some 60 ms to set up. This begins with that, in a
  /// thread that ends when it is done.
  public static void prepareAside() {
    Thread.ofPlatform().daemon().name("terrarium-prepare").start(() -> Libc.close(CLOSED));
  }

  /// Makes the file where it is missing, and locks it. Empty: somebody else holds it, as in
  /// [#existing(Path)].
  ///
  /// @throws IOException if the file cannot be opened or locked
  public static Optional<Flock> create(Path file) throws IOException {
    return lock(file, Libc.O_RDWR | Libc.O_CREAT | Libc.O_CLOEXEC);
  }

  /// Locks a file that exists. Empty: somebody else holds it at this moment. That is its owner, who
  /// is alive then, or somebody who looks ([#isHeld(Path)]), or another clean-up.
  ///
  /// @throws IOException if the file is missing, or cannot be opened or locked
  public static Optional<Flock> existing(Path file) throws IOException {
    return lock(file, Libc.O_RDWR | Libc.O_CLOEXEC);
  }

  /// Whether somebody holds the lock of a file that exists. The look takes a shared lock for a
  /// moment, so that those who look do not take each other for holders.
  ///
  /// @throws IOException if the file is missing, or cannot be opened or locked
  public static boolean isHeld(Path file) throws IOException {
    Optional<Flock> lock = lock(file, Libc.O_RDONLY | Libc.O_CLOEXEC, Libc.LOCK_SH);
    lock.ifPresent(Flock::close);
    return lock.isEmpty();
  }

  private static Optional<Flock> lock(Path file, int flags) throws IOException {
    return lock(file, flags, Libc.LOCK_EX);
  }

  private static Optional<Flock> lock(Path file, int flags, int operation) throws IOException {
    // Not to wait for somebody at the other end, should it be a pipe.
    int descriptor = Libc.open(file, flags | Libc.O_NONBLOCK, OWNER_ONLY);
    if (descriptor < 0) {
      throw failure(file, "opened", -descriptor);
    }
    int result = flock(descriptor, operation);
    if (result == 0) {
      return Optional.of(new Flock(descriptor));
    }
    Libc.close(descriptor);
    if (result == -Libc.EAGAIN) {
      return Optional.empty();
    }
    throw failure(file, "locked", -result);
  }

  private static int flock(int descriptor, int operation) {
    int result;
    do {
      result = Libc.flock(descriptor, operation | Libc.LOCK_NB);
    } while (result == -Libc.EINTR);
    return result;
  }

  private static IOException failure(Path file, String verb, int errno) {
    String reason = "cannot be %s: %s".formatted(verb, Libc.describe(errno));
    return errno == Libc.ENOENT
        ? new NoSuchFileException(file.toString(), null, reason)
        : new FileSystemException(file.toString(), null, reason);
  }

  /// Whether the file that is locked still has this name: it may have been removed, and another one
  /// put there, without the lock's ending.
  public boolean isOn(Path file) {
    try {
      return Files.isSameFile(Path.of("/proc/self/fd/" + descriptor.get()), file);
    } catch (IOException e) {
      return false;
    }
  }

  /// Frees the lock. A second call does nothing, even where the number was given out again.
  @Override
  public void close() {
    int open = descriptor.getAndSet(CLOSED);
    if (open != CLOSED) {
      Libc.close(open);
    }
  }
}
