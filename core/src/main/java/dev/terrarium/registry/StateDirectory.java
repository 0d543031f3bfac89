package dev.terrarium.registry;

import dev.terrarium.process.PrivateFiles;
import dev.terrarium.process.ProcFs;
import java.io.IOException;
import java.nio.file.AccessMode;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import java.util.Set;

/// Where runtimes of this user leave their directories.
///
/// @param path an absolute path to a directory that exists and can be written, but for one that was
///   only located
public record StateDirectory(Path path) {
  private static final Set<PosixFilePermission> PRIVATE =
      PosixFilePermissions.fromString("rwx------");
  private static final String REMEDY = "set TERRARIUM_HOME to a directory that this user can write";

  /// `TERRARIUM_HOME`, else `$XDG_STATE_HOME/terrarium`, else `~/.local/state/terrarium`; made,
  /// with mode 0700, where it is missing.
  ///
  /// @throws RegistryException if it cannot be made or written, or if there is no home directory
  public static StateDirectory resolve() {
    return resolve(System.getenv(), Path.of(System.getProperty("user.home")));
  }

  static StateDirectory resolve(Map<String, String> environment, Path home) {
    return at(choose(environment, home));
  }

  /// The same, for whoever only looks: nothing is made, and it need not be there.
  ///
  /// @throws RegistryException if there is no home directory
  public static StateDirectory locate() {
    return locate(choose(System.getenv(), Path.of(System.getProperty("user.home"))));
  }

  /// The given directory, for whoever only looks.
  public static StateDirectory locate(Path directory) {
    return new StateDirectory(directory.toAbsolutePath().normalize());
  }

  /// As the XDG specification demands, a relative `XDG_STATE_HOME` is as good as none.
  private static Path choose(Map<String, String> environment, Path home) {
    String own = environment.getOrDefault("TERRARIUM_HOME", "");
    if (!own.isEmpty()) {
      return Path.of(own);
    }
    Path xdg = Path.of(environment.getOrDefault("XDG_STATE_HOME", ""));
    return (xdg.isAbsolute() ? xdg : homeOf(environment, home).resolve(".local/state"))
        .resolve("terrarium");
  }

  /// As everybody else reads it; what the JVM calls home is what the user database says. Where it
  /// says nothing that is `?`, or whatever `user.home` was set to: a directory of that name,
  /// wherever the program happens to run, is nobody's home.
  private static Path homeOf(Map<String, String> environment, Path otherwise) {
    Path home = Path.of(environment.getOrDefault("HOME", ""));
    if (home.isAbsolute()) {
      return home;
    }
    if (!otherwise.isAbsolute()) {
      throw new RegistryException(
          otherwise,
          "user %d has no home directory: HOME is not an absolute path, and the user database names none"
              .formatted(ProcFs.ownUid()),
          REMEDY + ", or set HOME");
    }
    return otherwise;
  }

  /// The given directory, made where it is missing.
  ///
  /// @throws RegistryException if it cannot be made or written
  public static StateDirectory at(Path directory) {
    Path absolute = directory.toAbsolutePath().normalize();
    make(absolute);
    makePrivate(runsIn(absolute));
    requireOwn(runsIn(absolute));
    return new StateDirectory(absolute);
  }

  /// What lies in there says whose processes are to be ended, so nobody else may put it there.
  private static void requireOwn(Path directory) {
    try {
      PrivateFiles.objection(directory)
          .ifPresent(
              why -> {
                throw new RegistryException(
                    directory, why, "chmod 700 it if it is this user's, or " + REMEDY);
              });
    } catch (IOException e) {
      throw new RegistryException(directory, "cannot be read", REMEDY, e);
    }
  }

  /// `terrarium-UID` under the temporary directory, for machines where nothing else can be written.
  /// Only on request: it does not outlive a reboot, and others may have been there first.
  ///
  /// @throws RegistryException if it cannot be made, or is not a private directory of this user
  public static StateDirectory temporary() {
    return temporaryIn(Path.of(System.getProperty("java.io.tmpdir")));
  }

  static StateDirectory temporaryIn(Path parent) {
    Path directory = parent.toAbsolutePath().resolve("terrarium-" + ProcFs.ownUid());
    makePrivate(directory);
    requirePrivate(directory);
    return at(directory);
  }

  /// One directory for each runtime.
  public Path runs() {
    return runsIn(path);
  }

  /// The state directory that a run's directory lies in.
  public static StateDirectory of(Path runDirectory) {
    // Two folders above; a run's directory never lies at the root.
    return new StateDirectory(runDirectory.toAbsolutePath().resolve("../..").normalize());
  }

  private static Path runsIn(Path directory) {
    return directory.resolve("runs");
  }

  private static void make(Path directory) {
    Path parent = directory.getParent();
    try {
      if (parent != null) {
        PrivateFiles.makeDirectories(parent);
      }
    } catch (IOException e) {
      throw new RegistryException(parent, "the state directory cannot be made", REMEDY, e);
    }
    makePrivate(directory);
  }

  private static void makePrivate(Path directory) {
    try {
      PrivateFiles.makeDirectory(directory);
    } catch (FileAlreadyExistsException e) {
      requireWritable(directory);
    } catch (IOException e) {
      throw new RegistryException(directory, "the state directory cannot be made", REMEDY, e);
    }
  }

  private static void requireWritable(Path directory) {
    if (!Files.isDirectory(directory)) {
      throw new RegistryException(directory, "the state directory is no directory", REMEDY);
    }
    try {
      directory.getFileSystem().provider().checkAccess(directory, AccessMode.WRITE);
    } catch (IOException e) {
      throw new RegistryException(directory, "the state directory cannot be written", REMEDY, e);
    }
  }

  /// In a directory that everybody writes, the name alone says nothing about who made it.
  private static void requirePrivate(Path directory) {
    if (!OwnFiles.isOwn(directory) || !isPrivate(directory)) {
      throw new RegistryException(
          directory, "not a directory of this user alone (mode 0700)", "remove it, or " + REMEDY);
    }
  }

  private static boolean isPrivate(Path directory) {
    try {
      return Files.getPosixFilePermissions(directory, LinkOption.NOFOLLOW_LINKS).equals(PRIVATE);
    } catch (IOException e) {
      throw new RegistryException(directory, "cannot be read", REMEDY, e);
    }
  }
}
