package dev.terrarium.cli.demo;

import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.cli.Json;
import dev.terrarium.cli.Main;
import dev.terrarium.testkit.Jvm;
import dev.terrarium.testkit.Procs;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/// The demo end to end, with few workers and files.
final class DemoTest {
  private static final String[] SMALL = {"demo", "--workers", "6", "--files", "40"};
  private static final int CHILDREN = VictimCommand.children(6);
  private static final Duration PATIENCE = Duration.ofMinutes(2);
  private static final Duration SOON = Duration.ofSeconds(10);

  @Test
  void tellsProgramsWhatHappened() {
    try (Jvm jvm = start("--json")) {
      jvm.awaitLine(line -> line.contains("\"killed\""), PATIENCE);
      assertThat(jvm.awaitExit()).isZero();
      List<JsonNode> events = jvm.lines().stream().map(Json::tree).toList();
      assertThat(events)
          .extracting(event -> event.path("event").asString())
          .containsExactly("started", "parsed", "killed");
      assertThat(events.getFirst().path("workers").asInt()).isEqualTo(6);
      assertParsed(events.get(1));
      assertThat(events.getLast().path("left").asInt()).isZero();
      assertThat(events.getLast().path("before").asInt()).isGreaterThanOrEqualTo(8 + CHILDREN);
    }
  }

  private static void assertParsed(JsonNode parsed) {
    assertThat(parsed.path("files").asInt()).isEqualTo(40);
    assertThat(parsed.path("modules").asInt() + parsed.path("skipped").asInt()).isEqualTo(40);
    assertThat(parsed.path("functions").asInt()).isGreaterThan(100);
    assertThat(parsed.path("longest").path("lines").asInt()).isGreaterThan(10);
    assertThat(parsed.path("calls_per_second").asInt()).isPositive();
    assertThat(parsed.path("worker_bytes").asLong()).isGreaterThan(1_000_000);
  }

  @Test
  void tellsPeopleOnEightyColumns() {
    try (Jvm jvm = start()) {
      jvm.awaitLine(line -> line.contains("escape"), PATIENCE);
      assertThat(jvm.awaitExit()).isZero();
      assertThat(jvm.lines())
          .allMatch(line -> line.length() <= 80)
          .noneMatch(line -> line.contains("\033"))
          .contains("1  6 Python workers, one real job", "2  The kill", "   left       0")
          .endsWith("   Nothing escapes.");
    }
  }

  /// What is left is asserted after the test.
  @ParameterizedTest
  @ValueSource(strings = {"started", "parsed"})
  void leavesNothingAfterCtrlC(String moment) {
    try (Jvm jvm = start("--json")) {
      jvm.awaitLine(line -> line.contains("\"" + moment + "\""), PATIENCE);
      jvm.interrupt();
      assertThat(jvm.awaitExit()).isEqualTo(130);
    }
  }

  @Test
  void leavesNothingWhenItIsKilledItself() {
    try (Jvm jvm = start("--json")) {
      jvm.awaitLine(line -> line.contains("\"parsed\""), PATIENCE);
      List<Procs.Proc> below = Procs.descendants(jvm.pid());
      jvm.kill();
      jvm.awaitExit();
      below.forEach(proc -> Procs.awaitGone(proc.pid(), SOON));
    }
  }

  // From a checkout, as the launcher starts it: an adapter that was unpacked would outlive a
  // SIGKILL.
  private static Jvm start(String... more) {
    List<String> arguments = new ArrayList<>(List.of(SMALL));
    arguments.addAll(List.of(more));
    List<String> options = List.of("-Dterrarium.adapters=../examples/adapters");
    return Jvm.start(Main.class, Map.of(), options, arguments.toArray(String[]::new));
  }
}
