package dev.terrarium.cli;

import static dev.terrarium.cli.TestAdapters.ECHO;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.terrarium.Pool;
import dev.terrarium.PoolStats.WorkerInfo;
import dev.terrarium.Terrarium;
import dev.terrarium.testkit.Child;
import dev.terrarium.testkit.Procs;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/// Other builds may run beside this one: who is asked about a process says yes to those of the test
/// and to nobody else's.
@Timeout(120)
final class OrphansCommandTest {
  @TempDir Path base;

  private Ran run(String... arguments) {
    return answered(false, _ -> Optional.empty(), arguments);
  }

  private Ran answered(
      boolean interactive, Function<String, Optional<String>> answers, String... arguments) {
    List<String> all = new ArrayList<>(List.of("orphans"));
    all.addAll(List.of(arguments));
    all.addAll(List.of("--home", base.toString()));
    return Ran.answered(interactive, answers, all.toArray(String[]::new));
  }

  /// Says this to the question about this process, and no to all others.
  private static Function<String, Optional<String>> to(Child process, String answer) {
    String question = "Kill pid %d?".formatted(process.pid());
    return asked -> Optional.of(asked.startsWith(question) ? answer : "no");
  }

  static Child suspect() {
    String program = "import time; time.sleep(300)";
    Child child = Child.start("python3", "-c", program, "--snakepit-run-id", "s59m65f");
    // Not before it is the interpreter: python3 may be the launcher of a version manager, which is
    // several programs one after another.
    await().until(() -> Procs.command(child.pid()).matches("\\S*python\\S* -c .*s59m65f"));
    return child;
  }

  private String audit() throws IOException {
    Path file = base.resolve("audit.jsonl");
    return Files.exists(file) ? Files.readString(file) : "";
  }

  private static List<JsonNode> objects(Ran ran) {
    return ran.lines().stream().map(Json::tree).toList();
  }

  @ParameterizedTest
  @ValueSource(strings = {"list --json", "ls --json", "--json list", "--json"})
  void areListedBeforeWhatOnlyLooksLikeThem(String said) {
    String[] arguments = said.split(" ", -1);
    try (TestHost host = TestHost.start(base, 2);
        Child suspect = suspect()) {
      List<Long> orphans = host.escape();
      Ran ran = run(arguments);
      assertThat(ran.status()).isZero();
      List<JsonNode> listed = objects(ran);
      assertThat(listed)
          .allSatisfy(
              it ->
                  assertThat(it.propertyNames())
                      .containsExactly("pid", "kind", "run", "command", "since", "proof"));
      assertThat(listed.subList(0, 2))
          .extracting(it -> it.path("pid").asLong())
          .containsExactlyInAnyOrderElementsOf(orphans);
      assertThat(listed.getFirst().path("kind").asString()).isEqualTo("child");
      assertThat(listed.getFirst().path("run").asString()).isEqualTo(host.run());
      assertThat(listed.getFirst().path("command").asString()).isEqualTo("sleep 300");
      assertThat(Instant.parse(listed.getFirst().path("since").asString()))
          .isBefore(Instant.now().plusSeconds(2));
      assertThat(listed.getFirst().path("proof").asString()).contains("whose lock is free");
      JsonNode other = find(listed, suspect.pid());
      assertThat(other.path("kind").asString()).isEqualTo("suspect");
      assertThat(other.path("run").asString()).isEqualTo("s59m65f");
      assertThat(other.path("proof").asString()).contains("bears no birthmark");
    }
  }

  private static JsonNode find(List<JsonNode> listed, long pid) {
    return listed.stream().filter(it -> it.path("pid").asLong() == pid).findFirst().orElseThrow();
  }

  @Test
  void areListedForPeopleOnEightyColumns() {
    try (TestHost host = TestHost.start(base, 1);
        Child suspect = suspect()) {
      List<Long> orphans = host.escape();
      Ran ran = run("list");
      assertThat(ran.lines()).allMatch(line -> line.length() <= Table.WIDTH);
      assertThat(ran.out())
          .contains(orphans.getFirst() + "  child", host.run(), suspect.pid() + "  suspect")
          .contains("1 orphan: its run is dead; `terrarium orphans kill` ends it");
    }
  }

  @Test
  void areNoneWhereThereIsNoStateDirectory() {
    Path nowhere = base.resolve("not/there");
    for (String[] arguments :
        new String[][] {{"orphans"}, {"orphans", "kill"}, {"orphans", "kill", "--dry-run"}}) {
      List<String> all = new ArrayList<>(List.of(arguments));
      all.addAll(List.of("--home", nowhere.toString()));
      Ran ran = Ran.answered(false, _ -> Optional.empty(), all.toArray(String[]::new));
      assertThat(ran.status()).as(ran.err()).isZero();
      assertThat(ran.out()).containsAnyOf("no orphans", "Found: 0, Terminated: 0, Errors: 0");
    }
    assertThat(base).isEmptyDirectory();
  }

  @Test
  void areEndedAndALiveNeighbourIsKept() throws IOException {
    try (Terrarium neighbour = TestHost.neighbour(base);
        Pool pool = Pool.builder().runtime(neighbour).adapter(Path.of(ECHO)).size(2).start();
        TestHost host = TestHost.start(base, 3)) {
      List<Long> workers = pids(pool);
      List<Long> orphans = host.escape();
      Ran ran = run("kill");
      assertThat(ran.status()).as(ran.err()).isZero();
      assertThat(ran.lines().getLast())
          .isEqualTo("Found: 3, Terminated: 3, Errors: 0, Preserved: 2 active workers");
      assertThat(orphans).noneMatch(Procs::alive);
      assertThat(host.directory()).doesNotExist();
      assertThat(pool.call("echo", Map.of("value", 7), Integer.class)).isEqualTo(7);
      assertThat(pids(pool)).isEqualTo(workers);
      assertThat(pool.stats().restarts()).isZero();
      assertThat(orphans).allMatch(pid -> auditHas("\"pid\":" + pid));
      assertThat(audit())
          .contains("\"run\":\"cli\"")
          .doesNotContain("\"pid\":" + workers.getFirst());
    }
  }

  private boolean auditHas(String text) {
    try {
      return audit().contains(text);
    } catch (IOException e) {
      return false;
    }
  }

  private static List<Long> pids(Pool pool) {
    return pool.stats().workers().stream().map(WorkerInfo::pid).sorted().toList();
  }

  @Test
  void areOnlyCountedByADryRun() throws IOException {
    try (TestHost host = TestHost.start(base, 2)) {
      List<Long> orphans = host.escape();
      Ran ran = run("kill", "--dry-run");
      assertThat(ran.status()).isZero();
      assertThat(ran.lines().getLast())
          .isEqualTo("Found: 2, Terminated: 0, Errors: 0, Preserved: 0 active workers");
      assertThat(ran.out()).contains("would be ended");
      JsonNode object = Json.tree(run("kill", "--dry-run", "--json").out());
      assertThat(object.path("found").asInt()).isEqualTo(2);
      assertThat(object.path("terminated").asInt()).isZero();
      assertThat(orphans).allMatch(Procs::alive);
      assertThat(host.directory()).exists();
      assertThat(audit()).isEmpty();
    }
  }

  @Test
  void areReportedToProgramsAndEndedByForceWhereTheyIgnoreSigterm() {
    try (TestHost host = TestHost.start(base, 2, "stubborn")) {
      List<Long> orphans = host.escape();
      Ran ran = run("kill", "--json", "--grace", "100ms");
      assertThat(ran.status()).isZero();
      assertThat(ran.lines()).hasSize(1);
      JsonNode object = Json.tree(ran.out());
      assertThat(object.propertyNames())
          .containsExactly(
              "found", "terminated", "errors", "preserved_active", "details", "suspects");
      assertThat(object.path("found").asInt()).isEqualTo(2);
      assertThat(object.path("terminated").asInt()).isEqualTo(2);
      assertThat(object.path("errors").asInt()).isZero();
      assertThat(object.path("preserved_active").asInt()).isZero();
      assertThat(object.path("details").values())
          .allMatch(it -> it.path("outcome").asString().equals("killed"))
          .extracting(it -> it.path("pid").asLong())
          .containsExactlyInAnyOrderElementsOf(orphans);
      assertThat(orphans).noneMatch(Procs::alive);
    }
  }

  @Test
  void areNotFoundUnderAHostThatStandsStill() {
    try (TestHost host = TestHost.start(base, 1)) {
      host.pause();
      Ran ran = run("kill", "--yes");
      assertThat(ran.lines().getLast())
          .isEqualTo("Found: 0, Terminated: 0, Errors: 0, Preserved: 1 active worker");
      assertThat(host.workers()).allMatch(Procs::alive);
      host.jvm().resume();
    }
  }

  @Test
  void areAskedForOnceOnATerminalUnlessTheAnswerIsThereAlready() {
    try (TestHost host = TestHost.start(base, 2)) {
      List<Long> orphans = host.escape();
      Ran refused = answered(true, _ -> Optional.of("y"), "kill");
      assertThat(refused.err()).contains("End 2 processes of dead runs? Type yes to end them:");
      assertThat(refused.out()).contains("left alone", "Found: 2, Terminated: 0, Errors: 0");
      assertThat(refused.status()).isZero();
      assertThat(orphans).allMatch(Procs::alive);
      Ran agreed = answered(true, _ -> Optional.empty(), "kill", "--yes");
      assertThat(agreed.err()).doesNotContain("dead runs?");
      assertThat(agreed.out()).contains("Found: 2, Terminated: 2, Errors: 0");
      assertThat(orphans).noneMatch(Procs::alive);
    }
  }

  @Test
  void areEndedOnATerminalForATypedYes() {
    try (TestHost host = TestHost.start(base, 1)) {
      List<Long> orphans = host.escape();
      Ran ran =
          answered(
              true,
              question -> Optional.of(question.contains("dead runs?") ? "yes" : "no"),
              "kill");
      assertThat(ran.out()).contains("Found: 1, Terminated: 1, Errors: 0");
      assertThat(orphans).noneMatch(Procs::alive);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"no", "y", "YES", "yes please", ""})
  void suspectsStayWhateverIsTypedButYes(String answer) throws IOException {
    try (Child suspect = suspect()) {
      Ran ran = answered(false, to(suspect, answer), "kill");
      assertThat(ran.status()).isZero();
      assertThat(ran.err())
          .contains("WARNING: Cannot distinguish ", "Kill pid %d?".formatted(suspect.pid()));
      assertThat(suspect.alive()).isTrue();
      assertThat(audit()).isEmpty();
    }
  }

  @Test
  void suspectsStayAtTheEndOfTheInput() {
    try (Child suspect = suspect()) {
      Ran ran = run("kill");
      assertThat(ran.status()).isZero();
      assertThat(ran.err()).contains("(no answer)");
      assertThat(suspect.alive()).isTrue();
    }
  }

  @Test
  void aSuspectIsEndedForATypedYesAndOnlyThatOne() throws IOException {
    try (Child suspect = suspect();
        Child other = suspect()) {
      Ran ran = answered(false, to(suspect, "yes"), "kill");
      assertThat(ran.status()).as(ran.err()).isZero();
      assertThat(ran.out()).contains("pid %d: terminated".formatted(suspect.pid()));
      assertThat(suspect.awaitExit()).isEqualTo(128 + 15);
      assertThat(other.alive()).isTrue();
      assertThat(audit())
          .contains("\"pid\":" + suspect.pid(), "confirmed by hand", "\"outcome\":\"sent\"")
          .doesNotContain("\"pid\":" + other.pid());
    }
  }

  /// What `--yes` says is about orphans, which are proved.
  @Test
  void suspectsAreAskedForWhateverTheOptionsSay() {
    try (Child suspect = suspect()) {
      Ran ran = run("kill", "--yes");
      assertThat(ran.err()).contains("Kill pid %d?".formatted(suspect.pid()));
      assertThat(suspect.alive()).isTrue();
    }
  }

  @Test
  void programsAreNotAskedAboutSuspects() {
    try (Child suspect = suspect()) {
      Ran ran = answered(false, _ -> Optional.of("yes"), "kill", "--json");
      assertThat(ran.err()).isEmpty();
      assertThat(find(List.copyOf(Json.tree(ran.out()).path("suspects").values()), suspect.pid()))
          .isNotNull();
      assertThat(suspect.alive()).isTrue();
    }
  }

  /// Whoever ended one of two services' orphans was asked about each worker of the other.
  @Test
  void liveWorkersOfAnotherStateDirectoryAreNobodysToEnd(@TempDir Path elsewhere) {
    try (Terrarium other = TestHost.neighbour(elsewhere);
        Pool pool = Pool.builder().runtime(other).adapter(Path.of(ECHO)).size(1).start()) {
      long worker = pids(pool).getFirst();
      Ran ran = answered(false, _ -> Optional.of("yes"), "kill", "--yes", "--dry-run");
      assertThat(ran.err()).doesNotContain("pid %d".formatted(worker));
      Ran killed = answered(false, _ -> Optional.of("no"), "kill", "--yes");
      assertThat(killed.err()).doesNotContain("pid %d".formatted(worker));
      assertThat(pool.call("echo", Map.of("value", 7), Integer.class)).isEqualTo(7);
      assertThat(pids(pool)).containsExactly(worker);
    }
  }

  @Test
  void whatOtherInstallationsRunIsShownOnRequest(@TempDir Path elsewhere) {
    try (Terrarium other = TestHost.neighbour(elsewhere);
        Pool pool = Pool.builder().runtime(other).adapter(Path.of(ECHO)).size(1).start()) {
      long worker = pids(pool).getFirst();
      Ran silent = run();
      assertThat(silent.out())
          .doesNotContain(worker + "  ")
          .containsPattern(
              "\\d+ process(es)? of other installations: see `terrarium orphans --all`");
      assertThat(objects(run("--json"))).noneMatch(it -> it.path("pid").asLong() == worker);
      assertThat(run("--all").out()).contains(worker + "  other", other.runId());
      JsonNode shown = find(objects(run("list", "--all", "--json")), worker);
      assertThat(shown.path("kind").asString()).isEqualTo("other");
      assertThat(shown.path("run").asString()).isEqualTo(other.runId());
      assertThat(shown.path("proof").asString())
          .startsWith("none: bears birthmark ")
          .endsWith("of a run in %s, whose host lives".formatted(elsewhere));
    }
  }

  /// `terrarium orphans --home X kill` ended what was left in another place than X.
  @Test
  void areLookedForInTheStateDirectoryThatIsNamedBeforeTheSubcommand(@TempDir Path elsewhere) {
    try (TestHost host = TestHost.start(base, 1)) {
      List<Long> orphans = host.escape();
      String[] there = {"orphans", "--home", elsewhere.toString(), "kill", "--yes"};
      assertThat(Ran.answered(false, _ -> Optional.of("no"), there).out())
          .contains("Found: 0, Terminated: 0");
      assertThat(orphans).allMatch(Procs::alive);
      String[] here = {"orphans", "--home", base.toString(), "kill", "--yes"};
      assertThat(Ran.answered(false, _ -> Optional.of("no"), here).out())
          .contains("Found: 1, Terminated: 1");
      assertThat(orphans).noneMatch(Procs::alive);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"3601s", "3600001ms"})
  void aGraceThatMakesNoSenseIsRefused(String grace) {
    Ran ran = run("kill", "--grace", grace);
    assertThat(ran.status()).isEqualTo(2);
    assertThat(ran.talk()).containsExactly("terrarium: --grace must be 0s to 3600s, not " + grace);
  }

  @Test
  void aStateDirectoryThatCannotBeReadIsNamed() throws IOException {
    Files.writeString(base.resolve("runs"), "a file");
    Ran ran = run("list");
    assertThat(ran.status()).isEqualTo(3);
    assertThat(ran.talk())
        .singleElement()
        .asString()
        .contains(base.resolve("runs").toString(), "cannot be listed", "it is no directory");
  }

  @ParameterizedTest
  @ValueSource(strings = {"status", "orphans", "orphans kill"})
  void aStateDirectoryThatIsNoDirectoryIsNamed(String command) throws IOException {
    Path file = Files.writeString(base.resolve("file"), "");
    Ran ran = Ran.command((command + " --home " + file).split(" ", -1));
    assertThat(ran.status()).isEqualTo(3);
    assertThat(ran.talk())
        .containsExactly(
            "terrarium: %s: cannot be listed (it is no directory); set --home or TERRARIUM_HOME to a state directory"
                .formatted(file));
  }
}
