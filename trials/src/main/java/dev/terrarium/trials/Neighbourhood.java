package dev.terrarium.trials;

import dev.terrarium.Config;
import dev.terrarium.Start;
import dev.terrarium.Terrarium;
import dev.terrarium.testkit.Jvm;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/// Who lives beside the hosts that are killed, and must not notice: a host of the same home, one of
/// another home, each with a worker and its daemon, and an editor.
final class Neighbourhood implements AutoCloseable {
  private final Path folder = Places.scratch();
  private final Path home = folder.resolve("home");
  private final Path anotherHome = folder.resolve("another-home");
  private final Stranger editor;
  private final Neighbour sameHome;
  private final Neighbour elsewhere;

  Neighbourhood() {
    Path edited = folder.resolve("grpc_server.py");
    try {
      Files.copy(Places.lookalike(), edited);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    editor = Stranger.editor(edited);
    sameHome = new Neighbour("the neighbour host", home, folder.resolve("neighbour"));
    elsewhere = new Neighbour("the host of another home", anotherHome, folder.resolve("elsewhere"));
  }

  /// Where the victims live as well.
  Path home() {
    return home;
  }

  List<String> hurt() {
    List<String> hurt = new ArrayList<>(editor.hurt());
    hurt.addAll(sameHome.hurt());
    hurt.addAll(elsewhere.hurt());
    return hurt;
  }

  @Override
  public void close() {
    editor.close();
    sameHome.close();
    elsewhere.close();
    List.of(home, anotherHome).forEach(Neighbourhood::startOnce);
    Places.remove(folder);
  }

  /// Whatever a host has not removed itself, being killed or too slow, the next start does.
  private static void startOnce(Path home) {
    try (Terrarium _ = Terrarium.start(Config.defaults().withHome(home))) {
      // That is all.
    }
  }

  /// A living host with a worker that answers, and a daemon of its.
  private static final class Neighbour implements AutoCloseable {
    private final String who;
    private final Jvm host;
    private final Traces traces;
    private final String first;

    Neighbour(String who, Path home, Path place) {
      this.who = who;
      var tenancy = new Tenancy(State.IDLE, Kin.DAEMON, Fate.WITH_HOST);
      var orders = new Host.Orders(home, place, Ending.RETURN, Start.ZYGOTE, 1, List.of(tenancy));
      this.host = Jvm.start(Host.class, orders.arguments());
      host.awaitLine(Host.READY::equals, Until.PATIENCE);
      this.traces = Scene.traces(place, 1).getFirst();
      this.first = Host.ping(host, 0);
    }

    List<String> hurt() {
      List<String> hurt = new ArrayList<>();
      traces.noted().stream()
          .filter(noted -> !noted.alive())
          .forEach(noted -> hurt.add(who + " lost " + noted));
      String now = Host.ping(host, 0);
      if (!now.equals(first)) {
        hurt.add(who + " answers " + now + " instead of " + first);
      }
      return hurt;
    }

    @Override
    public void close() {
      host.say(Host.END);
      boolean _ = Until.holds(() -> !host.alive(), Duration.ofSeconds(20));
      host.close();
    }
  }
}
