package dev.terrarium.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// The launcher on machines that lack one thing or another.
final class LauncherTest {
  @TempDir Path base;
  private Checkout checkout;

  @BeforeEach
  void layOut() throws IOException {
    checkout = new Checkout(base);
  }

  @Test
  void becomesTheJvm() throws IOException {
    checkout.built().jdk(checkout.folderOfJdks().resolve("25"), "25.0.3");
    Ran ran = checkout.run("version", "two words", "*");
    assertThat(ran.status()).isEqualTo(7);
    assertThat(ran.err()).isEmpty();
    assertThat(ran.lines())
        .contains("--enable-native-access=ALL-UNNAMED", "-XX:TieredStopAtLevel=1")
        .containsSequence(
            "-cp",
            String.join(
                ":",
                checkout.root() + "/cli/target/terrarium-cli-1.jar",
                checkout.root() + "/cli/target/lib/a.jar",
                checkout.root() + "/cli/target/lib/b.jar"))
        .endsWith("dev.terrarium.cli.Main", "version", "two words", "*");
  }

  @Test
  void givesLongCommandsAFastJvm() throws IOException {
    checkout.built().command("python3").jdk(checkout.folderOfJdks().resolve("25"), "25");
    assertThat(checkout.run("run", "a.py").lines()).doesNotContain("-XX:TieredStopAtLevel=1");
  }

  @Test
  void worksThroughSymbolicLinks() throws IOException {
    checkout.built().jdk(checkout.folderOfJdks().resolve("25"), "25");
    Path first = Files.createSymbolicLink(base.resolve("first"), Path.of("a check out/terrarium"));
    Path second = Files.createSymbolicLink(base.resolve("second"), first);
    assertThat(checkout.run(second, "version").out())
        .contains(checkout.root() + "/cli/target/lib/a.jar");
  }

  @ParameterizedTest
  @ValueSource(strings = {"jvm/temurin 25", "home/.sdkman/candidates/java/25-tem", "home/.jdks/x"})
  void findsAJdkInTheUsualFolders(String folder) throws IOException {
    checkout.built().jdk(base.resolve(folder), "25.0.1");
    assertThat(checkout.run("version").lines()).startsWith("java 25.0.1");
  }

  @Test
  void takesJavaHomeFirst() throws IOException {
    checkout.built().jdk(checkout.folderOfJdks().resolve("25"), "25.0.1");
    checkout.with("JAVA_HOME", checkout.jdk(base.resolve("mine"), "25.0.2"));
    assertThat(checkout.run("version").lines()).startsWith("java 25.0.2");
  }

  @Test
  void followsTheJavaOnThePath() throws IOException {
    Path jdk = checkout.built().jdk(base.resolve("elsewhere"), "25.0.2");
    Files.createSymbolicLink(checkout.commands().resolve("java"), jdk.resolve("bin/java"));
    assertThat(checkout.run("version").lines()).startsWith("java 25.0.2");
  }

  @Test
  void passesByWhatIsNoJdkOfTheRightVersion() throws IOException {
    checkout.built().jdk(checkout.folderOfJdks().resolve("b25"), "25.0.1");
    checkout.jdk(checkout.folderOfJdks().resolve("a17"), "17.0.15");
    checkout.jdk(checkout.folderOfJdks().resolve("a250"), "250.1");
    Files.delete(checkout.jdk(checkout.folderOfJdks().resolve("ajre"), "25").resolve("bin/javac"));
    checkout.with("JAVA_HOME", checkout.jdk(base.resolve("mine"), "21"));
    assertThat(checkout.run("version").lines()).startsWith("java 25.0.1");
  }

  @Test
  void saysInOneLineThatThereIsNoJdk() throws IOException {
    checkout.built().command("python3");
    assertRefused(checkout.run("demo"), "no JDK 25 found", "set JAVA_HOME");
  }

  @Test
  void saysSoEvenWithAnEmptyPath() throws IOException {
    checkout.built().with("PATH", "");
    ProcessBuilder builder = checkout.builder(checkout.root().resolve("terrarium"), "demo");
    builder.command().addFirst("/bin/bash");
    assertRefused(Ran.process(builder), "no JDK 25 found", "set JAVA_HOME");
  }

  @Test
  void saysInOneLineThatThereIsNoPython() throws IOException {
    checkout.built().jdk(checkout.folderOfJdks().resolve("25"), "25");
    assertRefused(checkout.run("demo"), "no python3", "install Python 3.9");
    assertThat(checkout.run("version").status()).isEqualTo(7);
    assertThat(checkout.run("demo", "--help").status()).isEqualTo(7);
    assertThat(checkout.run("demo", "--python", "/x/python").status()).isEqualTo(7);
  }

  @Test
  void saysInOneLineThatNothingIsBuiltAndThereIsNoMaven() throws IOException {
    checkout.jdk(checkout.folderOfJdks().resolve("25"), "25");
    assertRefused(checkout.run("version"), "has to be built", "install Maven");
  }

  private static void assertRefused(Ran ran, String... words) {
    assertThat(ran.status()).isEqualTo(3);
    assertThat(ran.out()).isEmpty();
    assertThat(ran.talk()).singleElement().asString().startsWith("terrarium: ").contains(words);
  }

  @Test
  void buildsWhatIsNotBuiltAndOnlyThen() throws IOException {
    Path jdk = checkout.jdk(checkout.folderOfJdks().resolve("25"), "25");
    checkout.command(
        "mvn",
        "echo \"$JAVA_HOME $*\" >>../calls",
        "echo wall of text",
        "touch cli/target/terrarium-cli-2.jar");
    Checkout.write(checkout.root().resolve("cli/target/terrarium-cli-1.jar"), "of another version");
    Ran first = checkout.run("version");
    assertThat(first.status()).isEqualTo(7);
    assertThat(first.talk()).singleElement().asString().contains("building", "terrarium-build.log");
    assertThat(first.out()).contains("terrarium-cli-2.jar").doesNotContain("terrarium-cli-1.jar");
    assertThat(checkout.run("version").err()).isEmpty();
    assertThat(calls())
        .singleElement()
        .asString()
        .isEqualTo(
            jdk
                + " --batch-mode -DskipTests -Dmaven.test.skip -Dexec.skip package --projects cli"
                + " --also-make");
  }

  /// Who looks at a log, of CI say, saw nothing for minutes.
  @Test
  void saysHowFarABuildIsWhereThereIsNoTerminal() throws IOException {
    checkout.jdk(checkout.folderOfJdks().resolve("25"), "25");
    checkout.command(
        "mvn",
        "echo 'Downloaded from central: https://a'",
        "echo '[INFO] Building terrarium-core 0.1.0-SNAPSHOT   [3/4]'",
        "echo wall of text",
        "mkdir -p cli/target",
        "touch cli/target/terrarium-cli-1.jar");
    assertThat(checkout.run("version").talk())
        .hasSize(2)
        .last()
        .asString()
        .matches("terrarium: building terrarium-core \\(3 of 4\\), 1 file fetched, \\d+ s");
  }

  /// A line that is written again is for a terminal that knows how, and for nobody who asks for no
  /// escape codes.
  @ParameterizedTest
  @CsvSource({"xterm, '', true", "xterm, 1, false", "dumb, '', false"})
  void rewritesItsLineOnATerminalThatTakesEscapeCodes(String name, String noColor, boolean codes)
      throws IOException {
    checkout.jdk(checkout.folderOfJdks().resolve("25"), "25");
    checkout.with("TERM", name).with("NO_COLOR", noColor);
    checkout.command(
        "mvn",
        "echo '[INFO] Building terrarium-core 0.1.0-SNAPSHOT   [3/4]'",
        "mkdir -p cli/target",
        "touch cli/target/terrarium-cli-1.jar");
    ProcessBuilder builder = checkout.builder(checkout.root().resolve("terrarium"), "version");
    Path terminal = Path.of("src/test/resources/terminal.py").toAbsolutePath();
    builder.command().addAll(0, List.of(python(), terminal.toString(), "seen", "no"));
    Ran ran = Ran.process(builder);
    assertThat(ran.status()).as(ran.err()).isEqualTo(7);
    assertThat(ran.err()).contains("building terrarium-core (3 of 4)");
    assertThat(ran.err().contains("\033")).isEqualTo(codes);
  }

  /// The interpreter itself: the launcher of a version manager needs more than this machine has.
  private static String python() {
    var asking = new ProcessBuilder("python3", "-c", "import sys; print(sys.executable)");
    return Ran.process(asking).out().strip();
  }

  @Test
  void knowsACommandBehindAGlobalOption() throws IOException {
    checkout.built().command("python3").jdk(checkout.folderOfJdks().resolve("25"), "25");
    assertThat(checkout.run("--json", "run", "a.py").lines())
        .doesNotContain("-XX:TieredStopAtLevel=1")
        .endsWith("--json", "run", "a.py");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "pom.xml",
        "core/pom.xml",
        "core/src/main/A.java",
        "core/src/main",
        "cli/src/main/A.java",
        "python/a.py",
        "examples/adapters/a.py"
      })
  void buildsAgainWhatIsOlderThanItsSources(String source) throws IOException {
    checkout.built().jdk(checkout.folderOfJdks().resolve("25"), "25");
    checkout.command("mvn", "touch ../calls cli/target/terrarium-cli-1.jar");
    Path file = checkout.root().resolve(source);
    Files.setLastModifiedTime(file, FileTime.from(Instant.now().plusSeconds(2)));
    assertThat(checkout.run("version").talk()).singleElement().asString().contains("building");
    assertThat(base.resolve("calls")).exists();
  }

  @ParameterizedTest
  @ValueSource(strings = {"python/__pycache__/a.pyc", "python/tests/t.py", "core/src/test/T.java"})
  void doesNotBuildForWhatIsInNoJar(String file) throws IOException {
    checkout.built().jdk(checkout.folderOfJdks().resolve("25"), "25");
    Checkout.write(checkout.root().resolve(file), "");
    Instant later = Instant.now().plusSeconds(2);
    Files.setLastModifiedTime(checkout.root().resolve(file), FileTime.from(later));
    assertThat(checkout.run("version").err()).isEmpty();
  }

  @Test
  void showsTheEndOfTheLogWhereTheBuildFails() throws IOException {
    checkout.jdk(checkout.folderOfJdks().resolve("25"), "25");
    checkout.command("mvn", "printf 'line %d\\n' {1..100}", "echo BUILD FAILURE", "exit 1");
    Ran ran = checkout.run("version");
    assertThat(ran.status()).isEqualTo(3);
    assertThat(ran.out()).isEmpty();
    assertThat(ran.err())
        .contains("line 100\nBUILD FAILURE\nterrarium: the build failed")
        .doesNotContain("line 10\n");
    assertThat(checkout.run("version").err()).contains("the build failed");
  }

  @Test
  void buildsOnceForTwoFirstStarts() throws IOException {
    checkout.jdk(checkout.folderOfJdks().resolve("25"), "25");
    checkout.command(
        "mvn",
        "echo called >>../calls",
        "until [[ -e ../go ]]; do read -rt 0.01 <> <(:) || true; done",
        "touch cli/target/terrarium-cli-1.jar");
    Files.createDirectories(checkout.root().resolve("cli/target"));
    var first = CompletableFuture.supplyAsync(() -> checkout.run("version"));
    await().until(() -> Files.exists(base.resolve("calls")));
    Path talk = base.resolve("talk of the second");
    Process second =
        checkout
            .builder(checkout.root().resolve("terrarium"), "version")
            .redirectError(talk.toFile())
            .start();
    await().until(() -> Files.readString(talk).contains("waiting for another build"));
    Checkout.write(base.resolve("go"), "");
    assertThat(first.join().status()).isEqualTo(7);
    assertThat(second.onExit().join().exitValue()).isEqualTo(7);
    assertThat(calls()).hasSize(1);
  }

  private List<String> calls() throws IOException {
    return Files.readAllLines(base.resolve("calls"));
  }
}
