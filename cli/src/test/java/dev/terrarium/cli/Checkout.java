package dev.terrarium.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// A checkout with the real launcher in it, and around it a machine on which nothing is but what a
/// test puts there.
final class Checkout {
  private static final String FOLDERS =
      "    /usr/lib/jvm/* /usr/java/* /opt/* /opt/java/* /usr/local/* \\\n";
  private static final List<String> COMMANDS =
      List.of(
          "bash",
          "cat",
          "cp",
          "dirname",
          "find",
          "flock",
          "mkdir",
          "mv",
          "readlink",
          "rm",
          "sha256sum",
          "stat",
          "tail",
          "tee",
          "touch");

  private final Path base;
  private final Map<String, String> environment = new TreeMap<>();

  /// Without JDK, python3, mvn, and not built.
  Checkout(Path base) throws IOException {
    this.base = base;
    String launcher = Files.readString(Path.of("../terrarium"));
    assertThat(launcher).contains(FOLDERS);
    script(root().resolve("terrarium"), launcher.replace(FOLDERS, "    '" + base + "'/jvm/* \\\n"));
    for (String folder : List.of("testkit", "core", "cli")) {
      write(root().resolve(folder).resolve("src/main/A.java"), "");
      write(root().resolve(folder).resolve("pom.xml"), "");
    }
    write(root().resolve("pom.xml"), "");
    write(root().resolve("python/a.py"), "");
    write(root().resolve("examples/adapters/a.py"), "");
    for (String command : COMMANDS) {
      pass(command);
    }
    environment.put("HOME", base.resolve("home").toString());
    environment.put("PATH", commands().toString());
  }

  Path root() {
    return base.resolve("a check out");
  }

  Path commands() {
    return base.resolve("commands");
  }

  Path folderOfJdks() {
    return base.resolve("jvm");
  }

  // A script that becomes the real one, since cleaning up warns of each link that leads out of the
  // folder.
  private void pass(String command) throws IOException {
    for (String folder : System.getenv("PATH").split(":", -1)) {
      Path real = Path.of(folder, command);
      if (Files.isExecutable(real)) {
        script(commands().resolve(command), "#!/bin/sh\nexec '" + real + "' \"$@\"\n");
        return;
      }
    }
    throw new IllegalStateException("no " + command + " on this machine");
  }

  Checkout with(String variable, Object value) {
    environment.put(variable, value.toString());
    return this;
  }

  /// A JDK whose `java` says how it was called, and exits with status 7.
  Path jdk(Path folder, String version) throws IOException {
    write(folder.resolve("release"), "IMPLEMENTOR=\"X\"\nJAVA_VERSION=\"" + version + "\"\n");
    script(folder.resolve("bin/javac"), "#!/usr/bin/env bash\n");
    script(
        folder.resolve("bin/java"),
        "#!/usr/bin/env bash\necho \"java " + version + "\"\nprintf '%s\\n' \"$@\"\nexit 7\n");
    return folder;
  }

  Checkout command(String name, String... lines) throws IOException {
    script(commands().resolve(name), "#!/usr/bin/env bash\n" + String.join("\n", lines) + "\n");
    return this;
  }

  /// As after a build.
  Checkout built() throws IOException {
    write(root().resolve("cli/target/terrarium-cli-1.jar"), "");
    write(root().resolve("cli/target/lib/b.jar"), "");
    write(root().resolve("cli/target/lib/a.jar"), "");
    Path stamp = root().resolve("target/terrarium-build.stamp");
    write(stamp, "");
    Files.setLastModifiedTime(stamp, FileTime.from(Instant.now().plusSeconds(1)));
    return this;
  }

  Ran run(String... arguments) {
    return run(root().resolve("terrarium"), arguments);
  }

  Ran run(Path launcher, String... arguments) {
    return Ran.process(builder(launcher, arguments));
  }

  ProcessBuilder builder(Path launcher, String... arguments) {
    List<String> command = new ArrayList<>(List.of(launcher.toString()));
    command.addAll(List.of(arguments));
    ProcessBuilder builder = new ProcessBuilder(command).directory(base.toFile());
    builder.environment().clear();
    builder.environment().putAll(environment);
    return builder;
  }

  static void write(Path file, String text) {
    try {
      Files.createDirectories(file.getParent());
      Files.writeString(file, text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static void script(Path file, String text) throws IOException {
    write(file, text);
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
  }
}
