package dev.terrarium.cli;

import static dev.terrarium.cli.TestAdapters.ECHO;
import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.Pool;
import dev.terrarium.Terrarium;
import dev.terrarium.testkit.Child;
import dev.terrarium.testkit.Jvm;
import dev.terrarium.testkit.Procs;
import dev.terrarium.warden.PythonHome;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

@Timeout(120)
final class DoctorCommandTest {
  @TempDir Path home;

  private Ran doctor(String... more) {
    List<String> all = new ArrayList<>(List.of("doctor", "--home", home.toString()));
    all.addAll(List.of(more));
    return Ran.command(all.toArray(String[]::new));
  }

  private JsonNode examined(String... more) {
    List<String> all = new ArrayList<>(List.of("--json"));
    all.addAll(List.of(more));
    return Json.tree(doctor(all.toArray(String[]::new)).out());
  }

  private static List<JsonNode> findings(JsonNode report, String level) {
    return report.path("findings").values().stream()
        .filter(it -> it.path("level").asString().equals(level))
        .toList();
  }

  /// All that was found of one check.
  private static List<String> of(JsonNode report, String check) {
    return report.path("findings").values().stream()
        .filter(it -> it.path("check").asString().equals(check))
        .map(JsonNode::toString)
        .toList();
  }

  @Test
  void saysThatThisMachineIsFit() {
    Ran ran = doctor();
    assertThat(ran.status()).as(ran.out()).isZero();
    assertThat(ran.lines()).allMatch(line -> line.length() <= Table.WIDTH);
    assertThat(ran.lines().getLast()).startsWith("this machine is fit; ");
    assertThat(ran.err()).isEmpty();
  }

  @Test
  void namesWhatWasLookedAtAndARemedyForEverythingThatIsNotWell() {
    JsonNode report = examined();
    assertThat(report.path("fit").asBoolean()).isTrue();
    assertThat(report.path("findings").values())
        .extracting(it -> it.path("check").asString())
        .contains("kernel", "pidfd", "proc", "birthmark", "subreaper", "cgroup_v2")
        .contains("user_namespaces", "open files", "processes", "clock", "process 1", "python")
        .contains("state directory", "disk", "sockets", "temporary files", "runs", "detection");
    assertThat(report.path("findings").values())
        .allSatisfy(
            it ->
                assertThat(it.path("remedy").isNull())
                    .as(it.toString())
                    .isEqualTo(it.path("level").asString().equals("OK")));
    assertThat(of(report, "python")).singleElement().asString().contains("Python 3.", " ms");
    assertThat(of(report, "processes"))
        .singleElement()
        .asString()
        .as("more than a digit of it")
        .doesNotContainPattern("\"detail\":\"\\d[\",]");
    JsonNode detection = report.path("detection");
    assertThat(detection.path("status").asString()).isEqualTo("ok");
    assertThat(detection.path("self_test").asString()).isEqualTo("passed");
    assertThat(detection.path("machine").path("pidfd").asBoolean()).isTrue();
  }

  @Test
  void makesNothingWhereThereIsNothing() {
    Path nowhere = home.resolve("not/there");
    Ran ran = Ran.command("doctor", "--json", "--home", nowhere.toString());
    assertThat(ran.status()).isZero();
    assertThat(of(Json.tree(ran.out()), "state directory"))
        .singleElement()
        .asString()
        .contains("OK", "is not there yet");
    assertThat(home).isEmptyDirectory();
  }

  @Test
  void saysWhichInterpreterIsMissing() {
    Ran ran = doctor("--python", "/no/such/python");
    assertThat(ran.status()).isEqualTo(3);
    assertThat(ran.lines().getLast()).startsWith("this machine is not fit");
    assertThat(of(examined("--python", "/no/such/python"), "python"))
        .singleElement()
        .asString()
        .contains("FAIL", "INTERPRETER_MISSING", "install Python");
  }

  @Test
  void saysThatTheStateDirectoryCannotBeWritten() throws IOException {
    Path file = Files.writeString(home.resolve("file"), "");
    for (Path wrong : List.of(file, file.resolve("below"))) {
      Ran ran = Ran.command("doctor", "--json", "--home", wrong.toString());
      assertThat(ran.status()).isEqualTo(3);
      assertThat(of(Json.tree(ran.out()), "state directory"))
          .singleElement()
          .asString()
          .contains("FAIL", "cannot be written", "set TERRARIUM_HOME");
    }
  }

  /// Every start failed with a traceback of Python's, and here all was well.
  @Test
  void namesPythonFilesThatAreDamagedUntilAStartHasMendedThem() throws IOException {
    assertThat(of(examined(), "python files"))
        .singleElement()
        .asString()
        .contains("OK", "is not there yet");
    PythonHome files = PythonHome.unpack(home);
    assertThat(of(examined(), "python files")).singleElement().asString().contains("OK");
    Files.delete(files.warden());
    Files.write(files.worker(), new byte[3]);
    assertThat(of(examined(), "python files"))
        .singleElement()
        .asString()
        .contains("WARN", "2 of " + files.size(), "terrarium_warden.py, terrarium_worker.py")
        .contains("the next start unpacks them again");
    PythonHome.unpack(home);
    assertThat(of(examined(), "python files")).singleElement().asString().contains("OK");
  }

  @Test
  void saysThatNothingStartsFromPythonFilesThatOthersMayWrite() throws IOException {
    Path python = PythonHome.unpack(home).directory().resolveSibling(".").normalize();
    Files.setPosixFilePermissions(python, PosixFilePermissions.fromString("rwxrwxrwx"));
    JsonNode report = examined();
    assertThat(report.path("fit").asBoolean()).isFalse();
    assertThat(of(report, "python files"))
        .singleElement()
        .asString()
        .contains("FAIL", python.toString(), "others may write to it", "chmod 700");
  }

  /// A user without an entry in the user database and without `HOME`.
  @Test
  void saysThatThereIsNoHome() {
    try (Jvm jvm =
        Jvm.behind(
            List.of("env", "-u", "HOME", "-u", "XDG_STATE_HOME", "-u", "TERRARIUM_HOME"),
            Homeless.class,
            Map.of())) {
      String report = jvm.awaitLine("{\"fit\"");
      assertThat(report).startsWith(":false").contains("has no home directory", "TERRARIUM_HOME");
      assertThat(jvm.awaitExit()).isEqualTo(3);
    }
  }

  /// It died of what it was to tell.
  @Test
  void saysThatTooFewFilesMayBeOpen() {
    List<String> limited = List.of("sh", "-c", "ulimit -n 64; exec \"$@\"", "sh");
    String[] arguments = {"doctor", "--json", "--home", home.toString()};
    try (Jvm jvm = Jvm.behind(limited, Main.class, Map.of(), arguments)) {
      JsonNode report = Json.tree(jvm.awaitLine(line -> line.startsWith("{"), TestHost.PATIENCE));
      assertThat(jvm.awaitExit()).isEqualTo(3);
      assertThat(of(report, "python"))
          .singleElement()
          .asString()
          .contains("FAIL", "RLIMIT_NOFILE", "ulimit -n");
    }
  }

  /// As the JVM calls the home directory then.
  static final class Homeless {
    public static void main(String[] arguments) {
      System.setProperty("user.home", "?");
      Main.main(new String[] {"doctor", "--json"});
    }
  }

  @Test
  void goesOnWhereRunsCannotBeListed() throws IOException {
    Files.writeString(home.resolve("runs"), "a file");
    JsonNode report = examined();
    assertThat(report.path("fit").asBoolean()).isFalse();
    assertThat(of(report, "runs")).singleElement().asString().contains("FAIL", "cannot be listed");
    assertThat(of(report, "python")).isNotEmpty();
  }

  @Test
  void warnsOfAStateDirectoryThatOthersMayEnter() throws IOException {
    Files.setPosixFilePermissions(home, PosixFilePermissions.fromString("rwxr-xr-x"));
    assertThat(of(examined(), "state directory"))
        .singleElement()
        .asString()
        .contains("WARN", "chmod 700 " + home);
  }

  @Test
  void saysThatASocketsPathIsTooLong() throws IOException {
    Path deep = Files.createDirectories(home.resolve("d".repeat(80)));
    String[] arguments = {"doctor", "--json", "--home", home.toString()};
    Map<String, String> environment = Map.of("XDG_RUNTIME_DIR", deep.toString());
    try (Jvm jvm = Jvm.start(Main.class, environment, List.of(), arguments)) {
      JsonNode report = Json.tree(jvm.awaitLine(line -> line.startsWith("{"), TestHost.PATIENCE));
      assertThat(jvm.awaitExit()).isEqualTo(3);
      assertThat(of(report, "sockets"))
          .singleElement()
          .asString()
          .contains("FAIL", "more than 103", "set XDG_RUNTIME_DIR");
    }
  }

  @Test
  void findsDirectoriesOfSocketsThatNobodyListensAt() throws IOException {
    Path left = Files.createTempDirectory("terrarium-");
    Path heard = Files.createTempDirectory("terrarium-");
    try (ServerSocketChannel gone = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      gone.bind(UnixDomainSocketAddress.of(left.resolve("s")));
    }
    try (ServerSocketChannel listening = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      listening.bind(UnixDomainSocketAddress.of(heard.resolve("s")));
      FileTime longAgo = FileTime.from(Instant.now().minusSeconds(3_600));
      Files.setLastModifiedTime(left, longAgo);
      Files.setLastModifiedTime(heard, longAgo);
      assertThat(of(examined(), "temporary files"))
          .singleElement()
          .asString()
          .contains("WARN", "rm -r ", left.toString())
          .doesNotContain(heard.toString());
    } finally {
      for (Path directory : List.of(left, heard)) {
        Files.deleteIfExists(directory.resolve("s"));
        Files.delete(directory);
      }
    }
  }

  @Test
  void countsWhatIsDeadAndWhatItHasLeft() {
    try (TestHost host = TestHost.start(home, 2)) {
      assertThat(of(examined(), "runs")).singleElement().asString().contains("1 run lives");
      List<Long> orphans = host.escape();
      JsonNode report = examined();
      assertThat(report.path("fit").asBoolean()).isTrue();
      assertThat(of(report, "runs"))
          .singleElement()
          .asString()
          .contains("WARN", "1 dead with 2 processes left", "terrarium orphans kill");
      assertThat(report.path("detection").path("processes").asInt()).isEqualTo(2);
      assertThat(orphans).allMatch(Procs::alive);
    }
  }

  @Test
  void warnsOfAHostThatStandsStill() {
    try (TestHost host = TestHost.start(home, 1)) {
      host.pause();
      assertThat(of(examined(), "run " + host.run()))
          .singleElement()
          .asString()
          .contains("WARN", "does not answer: it is stopped");
      host.jvm().resume();
    }
  }

  @Test
  void warnsOfADirectoryThatSaysNothing() throws IOException {
    Path run = Files.createDirectories(home.resolve("runs/abcdefg"));
    Files.writeString(run.resolve("run.json"), "{");
    assertThat(of(examined(), "run abcdefg"))
        .singleElement()
        .asString()
        .contains("WARN", "terrarium orphans list", "remove " + run);
  }

  /// What the host has in memory, and what is on disk.
  @Test
  void warnsOfALedgerThatHasLostWhatTheHostKnows() throws IOException {
    try (Terrarium host = TestHost.neighbour(home);
        Pool _ = Pool.builder().runtime(host).adapter(Path.of(ECHO)).size(2).start()) {
      Path ledger = home.resolve("runs").resolve(host.runId()).resolve("ledger.jsonl");
      assertThat(of(examined(), "run " + host.runId())).isEmpty();
      Files.writeString(ledger, "damaged\n");
      assertThat(of(examined(), "run " + host.runId()))
          .singleElement()
          .asString()
          .contains("WARN", "its ledger lacks 3 living workers", "line 1 skipped", "birthmark");
    }
  }

  /// A worker whose pid nobody knows: reserved, and nothing more.
  @Test
  void warnsOfAReservationThatNeverBecameAProcess() throws IOException {
    try (TestHost host = TestHost.start(home, 1)) {
      host.pause(); // so that the ledger is what counts
      Path ledger = host.directory().resolve("ledger.jsonl");
      String old = Instant.now().minusSeconds(3_600).toString();
      String reservation =
          Files.readAllLines(ledger).stream()
              .filter(line -> line.contains("\"reserve\""))
              .findFirst()
              .orElseThrow()
              .replaceFirst(
                  "\"number\":\\d+,\"worker\":\"[^\"]*\"", "\"number\":99,\"worker\":\"lost-1\"")
              .replaceFirst("\"at\":\"[^\"]*\"", "\"at\":\"" + old + "\"")
              .replaceFirst(",\"crc\":.*", "");
      Files.writeString(
          ledger,
          Files.readString(ledger) + reservation + ",\"crc\":\"" + crc(reservation) + "\"}\n");
      assertThat(of(examined(), "run " + host.run()))
          .anySatisfy(it -> assertThat(it).contains("WARN", "never started: lost-1", "warden.log"));
      host.jvm().resume();
    }
  }

  private static String crc(String body) {
    var crc = new java.util.zip.CRC32C();
    crc.update(body.getBytes(java.nio.charset.StandardCharsets.UTF_8));
    return "%08x".formatted(crc.getValue());
  }

  /// An active worker that could be taken for an orphan: it bears the mark of a run that lives, and
  /// does not descend from its host.
  @Test
  void warnsOfAWorkerThatDoesNotDescendFromItsHost() {
    try (TestHost host = TestHost.start(home, 1)) {
      long mark = Procs.mark(host.workers().getFirst()).orElseThrow();
      try (Child stray = Child.marked(mark, 1, "sleep", "300")) {
        JsonNode report = examined();
        assertThat(report.path("fit").asBoolean()).isTrue();
        assertThat(report.path("detection").path("status").asString()).isEqualTo("suspicious");
        assertThat(of(report, "detection"))
            .singleElement()
            .asString()
            .contains("WARN", "pid " + stray.pid(), "nothing of a run is touched");
        assertThat(findings(report, "FAIL")).isEmpty();
        assertThat(stray.alive()).isTrue();
      }
    }
  }
}
