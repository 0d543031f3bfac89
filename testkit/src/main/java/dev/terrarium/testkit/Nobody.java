package dev.terrarium.testkit;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/// The user without any privileges, for tests that run as root. He cannot look into root's folders:
/// what he runs is copied to where he can read it.
public final class Nobody {
  private static final int ID = 65_534;
  private static final List<String> LAUNCHER =
      List.of("setpriv", "--reuid=" + ID, "--regid=" + ID, "--clear-groups");

  private final Path files;

  private Nobody(Path files) {
    this.files = files;
  }

  /// With copies of what he runs.
  ///
  /// @param files a folder of root's where everybody can go, such as one of [EverybodysPlace]; he
  ///   can read it from now on
  public static Nobody in(Path files) {
    try {
      Files.setPosixFilePermissions(files, PosixFilePermissions.fromString("rwxr-xr-x"));
      return new Nobody(files);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// `command`, run by him.
  public static List<String> command(String... command) {
    return Stream.concat(LAUNCHER.stream(), Stream.of(command)).toList();
  }

  /// A new folder that is his.
  public Path folder(String name) {
    try {
      Path folder = Files.createDirectory(files.resolve(name));
      Files.setAttribute(folder, "unix:uid", ID);
      Files.setAttribute(folder, "unix:gid", ID);
      return folder;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// Runs `main` as him, with a folder of his own for temporary files and sockets.
  public Jvm start(Class<?> main, Map<String, String> environment, String... arguments) {
    Path temporary = files.resolve("tmp");
    if (!Files.exists(temporary)) {
      folder("tmp");
    }
    var all = new HashMap<>(environment);
    all.put("XDG_RUNTIME_DIR", temporary.toString());
    all.put("TMPDIR", temporary.toString());
    List<String> options = List.of(Jvm.TEMPORARY + temporary);
    return Jvm.behind(LAUNCHER, options, classPath(), main, all, arguments);
  }

  private String classPath() {
    var copies = new ArrayList<String>();
    for (String entry : System.getProperty("java.class.path").split(File.pathSeparator, -1)) {
      Path copy = files.resolve("class-path-" + copies.size());
      if (!Files.exists(copy)) {
        copy(Path.of(entry), copy);
      }
      copies.add(copy.toString());
    }
    return String.join(File.pathSeparator, copies);
  }

  private static void copy(Path from, Path to) {
    if (!Files.exists(from)) {
      return;
    }
    try (Stream<Path> all = Files.walk(from)) {
      for (Path each : all.toList()) {
        Files.copy(each, to.resolve(from.relativize(each).toString()));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
