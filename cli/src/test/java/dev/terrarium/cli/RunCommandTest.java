package dev.terrarium.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.testkit.Jvm;
import dev.terrarium.testkit.Procs;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;

/// The pool that stays up until a signal, in a JVM of its own.
final class RunCommandTest {
  private static final Duration SOON = Duration.ofSeconds(5);
  private static final String CLOSED = "{\"event\":\"closed\",\"killed\":0,\"left\":0}";

  @ParameterizedTest
  @CsvSource({"TERM, 143", "INT, 130"})
  void saysReadyAndClosedAndEndsAsTheSignalWants(String signal, int status) {
    try (Jvm jvm = start("--json")) {
      List<Long> workers = awaitWorkers(jvm);
      signalOf(signal).accept(jvm);
      assertThat(jvm.awaitExit()).isEqualTo(status);
      assertThat(jvm.lines()).hasSize(2);
      assertThat(jvm.lines().getFirst()).matches(ready(jvm.pid()));
      assertThat(jvm.lines().getLast()).isEqualTo(CLOSED);
      assertThat(workers).noneMatch(Procs::alive);
    }
  }

  @Test
  void leavesNothingAfterSigkill() {
    try (Jvm jvm = start("--json")) {
      List<Long> workers = awaitWorkers(jvm);
      long run = Procs.mark(workers.getFirst()).orElseThrow();
      assertThat(Procs.marked(run)).hasSizeGreaterThanOrEqualTo(workers.size());
      jvm.kill();
      assertThat(jvm.awaitExit()).isEqualTo(137);
      workers.forEach(worker -> Procs.awaitGone(worker, SOON));
      assertThat(jvm.lines()).singleElement().asString().contains("\"ready\"");
    }
  }

  @Test
  void talksToPeople() {
    try (Jvm jvm = start()) {
      assertThat(jvm.awaitLine("pool 'textstats' is ready: 2 workers in ")).contains("Ctrl-C");
      jvm.interrupt();
      assertThat(jvm.awaitExit()).isEqualTo(130);
      assertThat(jvm.lines().getLast()).isEqualTo("closed: 0 had to be ended by force, 0 left");
    }
  }

  @Test
  void failsWhereTheAdapterDoesNotLoad() {
    Ran ran = Ran.command("run", TestAdapters.UNIMPORTABLE, "--workers", "2", "--json");
    assertThat(ran.status()).isEqualTo(1);
    assertThat(ran.out()).isEmpty();
    assertThat(ran.err()).contains("No module named 'nobody_has_this'").doesNotContain("\tat ");
  }

  private static String ready(long host) {
    return """
    \\{"event":"ready","run":"[0-9a-z]{7}","host":%d,"pool":"textstats","workers":\
    \\[\\{"id":"textstats-1","pid":\\d+},\\{"id":"textstats-2","pid":\\d+}],"ms":\\d+}\
    """
        .formatted(host);
  }

  private static Jvm start(String... more) {
    String[] arguments = {"run", TestAdapters.TEXTSTATS, "--workers", "2"};
    List<String> all = new ArrayList<>(List.of(arguments));
    all.addAll(List.of(more));
    return Jvm.start(Main.class, all.toArray(String[]::new));
  }

  private static List<Long> awaitWorkers(Jvm jvm) {
    JsonNode workers =
        Json.tree(jvm.awaitLine(line -> line.startsWith("{"), SOON.multipliedBy(6)))
            .path("workers");
    return workers.values().stream().map(worker -> worker.path("pid").asLong()).toList();
  }

  private static Consumer<Jvm> signalOf(String name) {
    return name.equals("TERM") ? Jvm::terminate : Jvm::interrupt;
  }
}
