package dev.terrarium.cli;

import static dev.terrarium.cli.TestAdapters.ECHO;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.terrarium.Isolation;
import dev.terrarium.Pool;
import dev.terrarium.PoolStats.WorkerInfo;
import dev.terrarium.Terrarium;
import dev.terrarium.testkit.Child;
import dev.terrarium.testkit.Procs;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

@Timeout(120)
final class StatusCommandTest {
  @TempDir Path base;

  private JsonNode status(Path home) {
    Ran ran = Ran.command("status", "--json", "--home", home.toString());
    assertThat(ran.status()).as(ran.err()).isZero();
    assertThat(ran.lines()).hasSize(1);
    return Json.tree(ran.out());
  }

  private static List<Long> numbers(JsonNode array) {
    return array.values().stream().map(JsonNode::asLong).toList();
  }

  private static JsonNode run(JsonNode status, String id) {
    return status.path("runs").values().stream()
        .filter(run -> run.path("run").asString().equals(id))
        .findFirst()
        .orElseThrow(() -> new AssertionError(id + " is not in " + status));
  }

  @Test
  void asksTheHostThatRuns() {
    try (Terrarium host = TestHost.neighbour(base);
        Pool pool = Pool.builder().runtime(host).adapter(Path.of(ECHO)).size(2).start()) {
      Object _ = pool.call("echo", Map.of("value", 1), Integer.class);
      List<Long> workers = pool.stats().workers().stream().map(WorkerInfo::pid).sorted().toList();
      JsonNode status = status(base);
      assertThat(numbers(status.path("registry").path("active_python_pids"))).isEqualTo(workers);
      assertThat(status.path("registry").toString())
          .startsWith("{\"total_registered\":2,\"alive_workers\":2,\"dead_workers\":0,");
      assertThat(status.path("orphaned_processes").asInt()).isZero();
      assertThat(status.path("total_worker_processes").asInt()).isEqualTo(2);
      assertThat(status.path("system_health").asString()).isEqualTo("healthy");
      assertThat(status.path("orphan_details").isEmpty()).isTrue();
      JsonNode run = run(status, host.runId());
      assertThat(run.path("state").asString()).isEqualTo("live");
      assertThat(run.path("answered").asBoolean()).isTrue();
      assertThat(run.path("host").asLong()).isEqualTo(ProcessHandle.current().pid());
      assertThat(run.path("uptime_ms").asLong()).isNotNegative();
      JsonNode its = run.path("pools").path(0);
      assertThat(its.path("name").asString()).isEqualTo("echo");
      assertThat(its.path("size").asInt()).isEqualTo(2);
      assertThat(its.path("calls").asLong()).isEqualTo(1);
      assertThat(its.path("workers").path(0).path("resident_bytes").asLong()).isPositive();
      assertThat(run.path("ledger").values())
          .extracting(row -> row.path("role").asString())
          .containsExactlyInAnyOrder("worker", "worker", "zygote");
      assertThat(run.path("ledger").values())
          .allMatch(row -> row.path("resident_bytes").asLong() > 1_000_000)
          .allMatch(row -> row.path("cpu_ms").isIntegralNumber());
    }
  }

  @Test
  void showsWhatEachWorkerTakes() {
    try (Terrarium host = TestHost.neighbour(base);
        Pool pool = Pool.builder().runtime(host).adapter(Path.of(ECHO)).size(2).start()) {
      Ran ran = Ran.command("status", "--home", base.toString());
      assertThat(ran.lines()).allMatch(line -> line.length() <= Table.WIDTH);
      assertThat(ran.out()).containsPattern("RUN +WORKER +PID +RESIDENT +CPU TIME\n");
      for (WorkerInfo worker : pool.stats().workers()) {
        assertThat(ran.out())
            .containsPattern(
                "%s +%s +%d +\\d+\\.\\d MiB +\\d+\\.\\d\\d s\n"
                    .formatted(host.runId(), worker.id(), worker.pid()));
      }
    }
  }

  @Test
  void showsOtherInstallationsOnRequest(@TempDir Path elsewhere) {
    try (Terrarium other = TestHost.neighbour(elsewhere);
        Pool pool = Pool.builder().runtime(other).adapter(Path.of(ECHO)).size(1).start()) {
      long worker = pool.stats().workers().getFirst().pid();
      Ran silent = Ran.command("status", "--home", base.toString());
      assertThat(silent.out())
          .doesNotContain(other.runId())
          .containsPattern(
              "\\d+ process(es)? of other installations: see `terrarium status --all`");
      JsonNode here = status(base);
      assertThat(here.has("others")).isFalse();
      assertThat(here.path("other_processes").asInt()).isPositive();

      Ran all = Ran.command("status", "--all", "--home", base.toString());
      assertThat(all.lines()).contains("other installation: " + elsewhere);
      assertThat(all.out())
          .containsPattern(other.runId() + " +%d +alive".formatted(ProcessHandle.current().pid()))
          .containsPattern("echo-1 +%d ".formatted(worker));
      String[] arguments = {"--json", "status", "--all", "--home", base.toString()};
      JsonNode its =
          Json.tree(Ran.command(arguments).out()).path("others").values().stream()
              .filter(it -> it.path("home").asString("").equals(elsewhere.toString()))
              .findFirst()
              .orElseThrow();
      assertThat(numbers(its.path("pids"))).contains(worker);
      assertThat(run(its.path("status"), other.runId()).path("answered").asBoolean()).isTrue();
    }
  }

  @Test
  void knowsThePoolOfAPidNamespaceByItsNumbersOutside() {
    assumeTrue(offersPidNamespaces(), "no PID namespaces for this user");
    try (Terrarium host = TestHost.neighbour(base);
        Pool pool =
            Pool.builder()
                .runtime(host)
                .adapter(Path.of(ECHO))
                .isolation(Isolation.PID_NAMESPACE)
                .size(2)
                .start()) {
      List<Long> workers = pool.stats().workers().stream().map(WorkerInfo::pid).sorted().toList();
      assertThat(workers).allMatch(pid -> Procs.command(pid).contains(host.runId()));
      JsonNode status = status(base);
      assertThat(numbers(status.path("registry").path("active_python_pids"))).isEqualTo(workers);
      assertThat(status.path("registry").path("dead_workers").asInt(-1)).isZero();
      assertThat(status.path("orphaned_processes").asInt(-1)).isZero();
      assertThat(status.path("total_worker_processes").asInt()).isEqualTo(2);
      assertThat(status.path("system_health").asString()).isEqualTo("healthy");
      Ran orphans = Ran.command("orphans", "--home", base.toString());
      assertThat(orphans.status()).isZero();
      assertThat(orphans.out()).doesNotContain(host.runId());
      assertThat(Ran.command("doctor", "--home", base.toString()).out())
          .doesNotContain("run " + host.runId());
    }
  }

  private static boolean offersPidNamespaces() {
    try (Child child =
        Child.start(
            "unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc", "true")) {
      return child.awaitExit() == 0;
    }
  }

  @Test
  void tellsPeopleOnEightyColumns() {
    try (Terrarium host = TestHost.neighbour(base);
        Pool pool = Pool.builder().runtime(host).adapter(Path.of(ECHO)).size(2).start()) {
      Ran ran = Ran.command("status", "--home", base.toString());
      assertThat(ran.status()).isZero();
      assertThat(ran.lines()).allMatch(line -> line.length() <= Table.WIDTH);
      assertThat(ran.lines().get(2)).contains(host.runId(), "alive", pool.name(), "2/2");
      assertThat(ran.out())
          .contains("2 workers registered, 2 alive, 0 dead; 0 orphans; health: healthy");
    }
  }

  @Test
  void makesNothingWhereThereIsNothing() {
    Path nowhere = base.resolve("not/there");
    assertThat(status(nowhere).path("registry").path("total_registered").asInt(-1)).isZero();
    assertThat(Ran.command("status", "--home", nowhere.toString()).out())
        .startsWith("no runs in " + nowhere);
    assertThat(base).isEmptyDirectory();
  }

  @Test
  void makesNoRunOfItsOwn() throws IOException {
    Files.createDirectories(base.resolve("runs"));
    assertThat(status(base).path("runs").isEmpty()).isTrue();
    assertThat(base.resolve("runs")).isEmptyDirectory();
    assertThat(base.toFile().list()).containsExactly("runs");
  }

  @Test
  void tellsAStoppedHostFromItsLedger() {
    try (TestHost host = TestHost.start(base, 2)) {
      host.pause();
      JsonNode status = status(base);
      JsonNode run = run(status, host.run());
      assertThat(run.path("state").asString()).isEqualTo("live");
      assertThat(run.path("answered").asBoolean()).isFalse();
      assertThat(run.path("detail").asString()).contains("stopped", "kill -CONT " + host.pid());
      assertThat(run.path("pools").isEmpty()).isTrue();
      assertThat(status.path("registry").path("alive_workers").asInt()).isEqualTo(2);
      assertThat(status.path("orphaned_processes").asInt()).isZero();
      assertThat(run.path("ledger").values())
          .as("by /proc, whether the host answers or not")
          .allMatch(row -> row.path("resident_bytes").asLong() > 1_000_000);
      Ran text = Ran.command("status", "--home", base.toString());
      assertThat(text.out()).contains("silent", "2/2", "does not answer: it is stopped");
      host.jvm().resume();
    }
  }

  @Test
  void countsWhatADeadRunHasLeft() {
    try (TestHost host = TestHost.start(base, 3)) {
      List<Long> orphans = host.escape();
      JsonNode status = status(base);
      assertThat(status.path("orphaned_processes").asInt()).isEqualTo(3);
      assertThat(status.path("system_health").asString()).isEqualTo("critical");
      assertThat(status.path("registry").path("total_registered").asInt()).isZero();
      JsonNode detail = status.path("orphan_details").path(0);
      assertThat(detail.propertyNames()).containsExactly("pid", "cmdline", "detected_at");
      assertThat(detail.path("cmdline").asString()).isEqualTo("sleep 300");
      JsonNode run = run(status, host.run());
      assertThat(run.path("state").asString()).isEqualTo("dead");
      assertThat(numbers(run.path("orphans"))).containsExactlyInAnyOrderElementsOf(orphans);
      assertThat(Ran.command("status", "--home", base.toString()).out())
          .contains("is dead, and has left 3 processes", "health: critical");
    }
  }

  /// Who answers is a stranger that has put itself in the place of the socket.
  @Test
  void isNotFooledByWhatElseAnswers() throws IOException {
    try (TestHost host = TestHost.start(base, 1)) {
      Path socket = host.sockets().resolve("c");
      Files.delete(socket);
      try (ServerSocketChannel impostor = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
        impostor.bind(UnixDomainSocketAddress.of(socket));
        Thread.ofPlatform().daemon().name("impostor").start(() -> talk(impostor));
        JsonNode run = run(status(base), host.run());
        assertThat(run.path("state").asString()).isEqualTo("live");
        assertThat(run.path("answered").asBoolean()).isFalse();
        assertThat(run.path("detail").asString()).startsWith("what answered is no host: ");
      }
    }
  }

  private static void talk(ServerSocketChannel impostor) {
    try (SocketChannel asker = impostor.accept()) {
      asker.write(ByteBuffer.wrap("HTTP/1.1 200 OK\r\n\r\n".getBytes(UTF_8)));
      int _ = asker.read(ByteBuffer.allocate(1_000));
    } catch (IOException e) {
      System.err.println("the impostor was cut off: " + e);
    }
  }
}
