package dev.terrarium.trials;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.terrarium.Config;
import dev.terrarium.Start;
import dev.terrarium.Terrarium;
import dev.terrarium.testkit.Jvm;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.stream.Stream;

/// The program that comes to an end: one runtime, one pool for each [Tenancy]. Says `main` and `run
/// ID` on the way, and `ready` when every worker is in its state. Then it does what the lines of
/// its standard input say, and ends at once where that ends.
public final class Host {
  /// What it says, and what it is told.
  static final String MAIN = "main";

  static final String RUN = "run ";
  static final String READY = "ready";
  static final String END = "end";
  static final String CLOSE = "close";
  static final String PING = "ping";

  /// How long the end of the JVM waits for pools that do not close by themselves.
  static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(2);

  /// A neighbour would clean up after the dead; here nobody but those who are tried.
  private static final Duration NEVER = Duration.ofDays(365);

  private final Ending ending;
  private final List<Tenant> tenants = new ArrayList<>();

  /// What a host is started with.
  ///
  /// @param home its state directory
  /// @param folder where the tenants' traces go
  /// @param workers of each pool
  record Orders(
      Path home, Path folder, Ending ending, Start start, int workers, List<Tenancy> tenancies) {
    Orders {
      tenancies = List.copyOf(tenancies);
    }

    String[] arguments() {
      return Stream.concat(
              Stream.of(
                  home.toString(),
                  folder.toString(),
                  ending.name(),
                  start.name(),
                  Integer.toString(workers)),
              tenancies.stream().map(Tenancy::toString))
          .toArray(String[]::new);
    }

    static Orders of(String... arguments) {
      return new Orders(
          Path.of(arguments[0]),
          Path.of(arguments[1]),
          Ending.valueOf(arguments[2]),
          Start.valueOf(arguments[3]),
          Integer.parseInt(arguments[4]),
          Stream.of(arguments).skip(5).map(Tenancy::parse).toList());
    }
  }

  private Host(Orders orders, Terrarium runtime) {
    this.ending = orders.ending();
    List<Traces> traces = Scene.traces(orders.folder(), orders.tenancies().size());
    for (int i = 0; i < traces.size(); i++) {
      Tenancy tenancy = orders.tenancies().get(i);
      tenants.add(new Tenant(runtime, tenancy, traces.get(i), orders.start(), orders.workers()));
    }
  }

  public static void main(String[] arguments) throws IOException {
    say(MAIN);
    Orders orders = Orders.of(arguments);
    Terrarium runtime =
        Terrarium.start(
            Config.defaults()
                .withHome(orders.home())
                .withCloseTimeout(CLOSE_TIMEOUT)
                .withAuditInterval(NEVER));
    say(RUN + runtime.runId());
    Host host = new Host(orders, runtime);
    host.settle();
    say(READY);
    host.obey();
  }

  private static void say(String line) {
    System.out.println(line);
  }

  /// Those whose time is limited come last, and those that take the processor away late.
  private void settle() {
    all(Tenant::open);
    all(Tenant::begin);
    all(tenant -> enter(tenant, false));
    all(tenant -> enter(tenant, true));
  }

  private static void enter(Tenant tenant, boolean limited) {
    if (tenant.isLimited() == limited) {
      tenant.enter();
    }
  }

  /// Side by side.
  private void all(Consumer<Tenant> step) {
    List<Thread> threads = new ArrayList<>();
    for (Tenant tenant : tenants) {
      threads.add(Thread.ofPlatform().daemon().start(() -> step.accept(tenant)));
    }
    for (Thread thread : threads) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        throw new IllegalStateException("nobody knows this thread", e);
      }
    }
  }

  private void obey() throws IOException {
    var orders = new BufferedReader(new InputStreamReader(System.in, UTF_8));
    for (String line = orders.readLine(); line != null; line = orders.readLine()) {
      String[] words = line.split(" ", -1);
      switch (words[0]) {
        case CLOSE -> tenant(words).closeAside();
        case PING -> say("pong " + words[2] + " " + tenant(words).answer());
        case END -> {
          end();
          return;
        }
        default -> throw new IllegalArgumentException(line);
      }
    }
    Runtime.getRuntime().halt(99); // whoever watched us is gone
  }

  private Tenant tenant(String... words) {
    return tenants.get(Integer.parseInt(words[1]));
  }

  /// Asks a host for a tenant's worker.
  ///
  /// @return its pid, and how many workers of its pool were replaced so far
  static String ping(Jvm host, int tenant) {
    String question = UUID.randomUUID().toString();
    host.say(PING + " " + tenant + " " + question);
    return host.awaitLine("pong " + question + " ");
  }

  private void end() {
    switch (ending) {
      case RETURN -> {}
      case EXIT -> System.exit(ending.status());
      case HALT -> Runtime.getRuntime().halt(ending.status());
      case UNCAUGHT -> throw new IllegalStateException("nobody catches this");
      case OUT_OF_MEMORY -> fill();
      case CRASH -> crash();
      case SIGTERM, SIGINT, SIGKILL, STOP_AND_KILL, WORKER ->
          throw new IllegalStateException(ending + " comes from outside");
    }
  }

  private static void fill() {
    List<byte[]> all = new ArrayList<>();
    while (all.size() < Integer.MAX_VALUE) {
      all.add(new byte[16 << 20]);
    }
  }

  @SuppressWarnings("restricted")
  private static void crash() {
    MemorySegment.ofAddress(8).reinterpret(8).set(ValueLayout.JAVA_BYTE, 0, (byte) 1);
  }
}
