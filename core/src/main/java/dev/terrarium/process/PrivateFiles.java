package dev.terrarium.process;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/// What a runtime makes on disk is for its user alone, whatever the umask: directories with mode
/// 0700, files with 0600. And what it finds there it uses only where nobody else can have put
/// something into it.
public final class PrivateFiles {
  private static final FileAttribute<Set<PosixFilePermission>> FOR_DIRECTORIES =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));

  private static final FileAttribute<Set<PosixFilePermission>> FOR_FILES =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));

  private static final int WRITABLE_BY_OTHERS = 0022;

  private PrivateFiles() {}

  /// Makes a directory.
  ///
  /// @throws FileAlreadyExistsException where there is something already
  /// @throws IOException where it cannot be made
  public static void makeDirectory(Path directory) throws IOException {
    Files.createDirectory(directory, FOR_DIRECTORIES);
  }

  /// Makes a directory, and those above it, where they are missing. Those that are there stay as
  /// they are.
  ///
  /// @throws IOException where it cannot be made
  public static void makeDirectories(Path directory) throws IOException {
    Files.createDirectories(directory, FOR_DIRECTORIES);
  }

  /// A new directory, empty, under a name that nobody has.
  ///
  /// @throws IOException where it cannot be made
  public static Path makeTemporaryDirectory(Path parent, String prefix) throws IOException {
    return Files.createTempDirectory(parent, prefix, FOR_DIRECTORIES);
  }

  /// A new file, empty, under a name that nobody has.
  ///
  /// @throws IOException where it cannot be made
  public static Path makeTemporaryFile(Path parent, String prefix) throws IOException {
    return Files.createTempFile(parent, prefix, "", FOR_FILES);
  }

  /// Makes a file, empty, where it is missing: whoever opens it to write then finds it with the
  /// right mode.
  ///
  /// @throws IOException where it cannot be made
  public static void makeFile(Path file) throws IOException {
    if (Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    try {
      Files.createFile(file, FOR_FILES);
    } catch (FileAlreadyExistsException e) {
      // Somebody else was faster, who wants the same.
    }
  }

  /// Writes a file, anew or over what it held.
  ///
  /// @throws IOException where it cannot be written
  public static void write(Path file, byte[] content) throws IOException {
    makeFile(file);
    Files.write(file, content);
  }

  /// Why a directory is not for its user alone to write: what lies there may be somebody else's.
  /// Empty where it is.
  ///
  /// @throws IOException where there is none, or it does not say
  public static Optional<String> objection(Path directory) throws IOException {
    var found = Files.readAttributes(directory, "unix:uid,mode");
    long uid = Integer.toUnsignedLong((Integer) Objects.requireNonNull(found.get("uid")));
    int mode = (Integer) Objects.requireNonNull(found.get("mode")) & 07777;
    if (uid != Own.UID) {
      return Optional.of(
          "it belongs to user %d, and this process is user %d's".formatted(uid, Own.UID));
    }
    return (mode & WRITABLE_BY_OTHERS) == 0
        ? Optional.empty()
        : Optional.of("others may write to it (mode %04o)".formatted(mode));
  }

  private static final class Own {
    static final long UID = ProcFs.ownUid();
  }
}
