package dev.terrarium.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The launcher's AOT cache, with the real JDK and the real jars: a build of them is a copy here.
final class AotCacheIT {
  private static final Path TARGET = Path.of("target").toAbsolutePath();
  private static final Path PROJECT = TARGET.resolve("../..").normalize();

  @TempDir Path base;
  private Checkout checkout;

  @BeforeEach
  void build() throws IOException {
    checkout = new Checkout(base).with("JAVA_HOME", System.getProperty("java.home"));
    for (String file : List.of("build/ModernClasses.java", "examples/adapters/textstats.py")) {
      Path copy = checkout.root().resolve(file);
      Files.createDirectories(copy.getParent());
      Files.copy(PROJECT.resolve(file), copy);
    }
    checkout.command(
        "mvn",
        "mkdir -p cli/target/lib",
        "cp '" + TARGET + "'/terrarium-cli-*.jar cli/target",
        "cp '" + TARGET + "'/lib/*.jar cli/target/lib");
    assertThat(checkout.run("version").out()).isEqualTo(Ran.command("version").out());
  }

  @Test
  void isMadeByTheBuildAndUsed() throws IOException {
    assertThat(cache()).isRegularFile();
    assertThat(base.resolve("a check out/target/start").toFile().list())
        .containsExactlyInAnyOrder("facts", "log", cache().getFileName().toString());
    assertThat(comesFromTheCache(TerrariumCommand.class)).isTrue();
    assertThat(comesFromTheCache(picocli.CommandLine.class)).as("was too old for a cache").isTrue();
    assertThat(checkout.run("version")).isEqualTo(new Ran(0, Ran.command("version").out(), ""));
  }

  // The JVM would run the old classes: it compares nothing. The launcher does, and by more than the
  // time that a copy may bring along.
  @Test
  void isNotUsedOnceAJarHasChanged() throws IOException {
    Path jar = only(checkout.root().resolve("cli/target"), "terrarium-cli-*.jar");
    FileTime time = Files.getLastModifiedTime(jar);
    try (FileSystem inside = FileSystems.newFileSystem(jar)) {
      Files.writeString(
          inside.getPath("dev/terrarium/cli/version.properties"), "version=another\n");
    }
    Files.setLastModifiedTime(jar, time);
    assertThat(checkout.run("version").out()).contains("another");
    assertThat(comesFromTheCache(TerrariumCommand.class)).isFalse();
  }

  @Test
  void mayBeSpoiltOrGone() throws IOException {
    Ran right = checkout.run("version");
    byte[] content = Files.readAllBytes(cache());
    Arrays.fill(content, content.length / 2, content.length, (byte) 7);
    Files.write(cache(), content);
    assertThat(checkout.run("version")).isEqualTo(right);
    Files.write(cache(), new byte[0]);
    assertThat(checkout.run("version")).isEqualTo(right);
    Files.delete(cache());
    assertThat(checkout.run("version")).isEqualTo(right);
    Files.writeString(checkout.root().resolve("target/start/facts"), "nonsense");
    assertThat(checkout.run("version")).isEqualTo(right);
  }

  // What the launcher cannot see, the JVM has to pass over without a word.
  @Test
  void saysNothingWhereTheJvmRefusesIt() throws IOException {
    Ran right = checkout.run("version");
    Path facts = checkout.root().resolve("target/start/facts");
    String known = Files.readString(facts);
    Files.write(cache(), new byte[] {1, 2, 3});
    ProcessBuilder stat = new ProcessBuilder("stat", "-L", "-c", "%n %s %y %z", cache().toString());
    String now = Ran.process(stat).out();
    Files.writeString(facts, known.substring(0, known.lastIndexOf(cache().toString())) + now);
    assertThat(checkout.run("version")).isEqualTo(right);
  }

  private Path cache() throws IOException {
    return Path.of(Files.readAllLines(checkout.root().resolve("target/start/facts")).getFirst());
  }

  private boolean comesFromTheCache(Class<?> type) throws IOException {
    Path log = base.resolve("classes");
    ProcessBuilder builder = checkout.builder(checkout.root().resolve("terrarium"), "version");
    builder.environment().put("JDK_JAVA_OPTIONS", "-Xlog:class+load:file=" + log);
    assertThat(Ran.process(builder).status()).isZero();
    try (Stream<String> lines = Files.lines(log)) {
      return lines
          .filter(line -> line.contains(" " + type.getName() + " "))
          .findFirst()
          .orElseThrow()
          .contains("shared objects file");
    }
  }

  private static Path only(Path folder, String pattern) throws IOException {
    try (var found = Files.newDirectoryStream(folder, pattern)) {
      return found.iterator().next();
    }
  }
}
