package dev.terrarium.cli;

import static org.awaitility.Awaitility.await;

import dev.terrarium.Config;
import dev.terrarium.Terrarium;
import dev.terrarium.testkit.Escape;
import dev.terrarium.testkit.Jvm;
import dev.terrarium.testkit.Procs;
import dev.terrarium.testkit.Procs.Proc;
import dev.terrarium.testkit.Signals;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;

/// A host in a JVM of its own, whose workers leave a daemon each; what got away from it is dead at
/// the latest when it is closed.
final class TestHost implements AutoCloseable {
  static final Duration PATIENCE = Duration.ofSeconds(30);

  private final Jvm jvm;
  private final Path home;
  private final JsonNode ready;
  private final List<Proc> escaped = new ArrayList<>();

  private TestHost(Jvm jvm, Path home, JsonNode ready) {
    this.jvm = jvm;
    this.home = home;
    this.ready = ready;
  }

  static TestHost start(Path home, int workers) {
    return start(home, workers, "polite");
  }

  /// @param daemons `polite`, or `stubborn`: SIGTERM does not end them
  static TestHost start(Path home, int workers, String daemons) {
    Map<String, String> environment = Map.of("TERRARIUM_HOME", home.toString(), "DAEMONS", daemons);
    String[] arguments = {
      "run", TestAdapters.DAEMONS, "--workers", Integer.toString(workers), "--json"
    };
    Jvm jvm = Jvm.start(Main.class, environment, List.of(), arguments);
    try {
      JsonNode ready = Json.tree(jvm.awaitLine(line -> line.startsWith("{"), PATIENCE));
      return new TestHost(jvm, home, ready);
    } catch (AssertionError | RuntimeException e) {
      jvm.close();
      throw e;
    }
  }

  /// A runtime of this JVM that leaves others alone: it does not look again for dead ones.
  static Terrarium neighbour(Path home) {
    return Terrarium.start(Config.defaults().withHome(home).withAuditInterval(Duration.ofDays(1)));
  }

  Jvm jvm() {
    return jvm;
  }

  long pid() {
    return jvm.pid();
  }

  String run() {
    return ready.path("run").asString();
  }

  /// Its run's directory.
  Path directory() {
    return home.resolve("runs").resolve(run());
  }

  List<Long> workers() {
    return ready.path("workers").values().stream().map(it -> it.path("pid").asLong()).toList();
  }

  /// Kills it so that the daemons get away.
  ///
  /// @return their pids
  List<Long> escape() {
    escaped.addAll(Escape.from(jvm, workers().size()));
    await()
        .atMost(PATIENCE)
        .until(() -> escaped.stream().allMatch(it -> Procs.command(it.pid()).startsWith("sleep")));
    return escaped.stream().map(Proc::pid).sorted().toList();
  }

  void pause() {
    jvm.pause();
    await().atMost(PATIENCE).until(() -> Procs.state(pid()).orElse('?') == 'T');
  }

  /// Where it listens.
  Path sockets() {
    try {
      String details = Files.readString(directory().resolve("run.json"));
      return Path.of(Json.tree(details).path("sockets").asString());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() {
    jvm.close();
    escaped.forEach(Signals::kill);
    if (!escaped.isEmpty() && Files.exists(directory())) {
      removeSockets(); // which the warden would have done, or a clean-up
    }
  }

  private void removeSockets() {
    Path sockets = sockets();
    try (Stream<Path> entries = Files.list(sockets)) {
      for (Path entry : entries.toList()) {
        Files.delete(entry);
      }
      Files.delete(sockets);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
