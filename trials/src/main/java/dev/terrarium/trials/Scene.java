package dev.terrarium.trials;

import dev.terrarium.testkit.Procs;
import dev.terrarium.testkit.Procs.Proc;
import dev.terrarium.testkit.Signals;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Stream;

/// All that one host started, seen in four ways that do not depend on each other: who bears its
/// birthmark, who has its environment, who stood below it when it was looked at, and who wrote
/// himself down (of a chain: whether its lock is free). Gone is what none of them sees.
///
/// Not for several threads at once.
final class Scene {
  /// The variable that a host has from us, and passes on to all below it.
  static final String COOKIE = "TRIALS_COOKIE";

  private static final long SELF = ProcessHandle.current().pid();

  private final String cookie;
  private final List<Traces> traces;
  private final Predicate<Proc> isBystander;
  private final Set<Long> birthmarks = new HashSet<>();
  private final Map<Long, Proc> known = new LinkedHashMap<>();

  /// Of a host that is to be started.
  ///
  /// @param cookie the value that no other host has
  /// @param isBystander who has the environment for other reasons
  Scene(String cookie, List<Traces> traces, Predicate<Proc> isBystander) {
    this.cookie = cookie;
    this.traces = List.copyOf(traces);
    this.isBystander = isBystander;
  }

  static List<Traces> traces(Path folder, int tenants) {
    List<Traces> traces = new ArrayList<>();
    for (int i = 0; i < tenants; i++) {
      traces.add(Traces.make(folder.resolve("tenant-" + i)));
    }
    return traces;
  }

  /// Remembers everybody below a living host, and their birthmark.
  ///
  /// @return how many there are
  int look(Proc host) {
    known.put(host.pid(), host);
    List<Proc> below = Procs.descendants(host.pid());
    for (Proc process : below) {
      known.put(process.pid(), process);
      Procs.mark(process.pid()).ifPresent(birthmarks::add);
    }
    return below.size();
  }

  /// The child of a host that bears a birthmark.
  static Optional<Proc> warden(long host) {
    return Procs.descendants(host).stream()
        .filter(it -> it.parent() == host && Procs.mark(it.pid()).isPresent())
        .findFirst();
  }

  /// What is known of a host in another way.
  void bears(long birthmark) {
    birthmarks.add(birthmark);
  }

  Set<Long> birthmarks() {
    return Set.copyOf(birthmarks);
  }

  List<Noted> noted() {
    return traces.stream().flatMap(it -> it.noted().stream()).toList();
  }

  /// Those who were remembered, or wrote themselves down, and live.
  List<Proc> knownAlive() {
    return Stream.concat(
            known.values().stream().flatMap(it -> stillAlive(it).stream()),
            noted().stream().flatMap(it -> it.process().stream()))
        .distinct()
        .toList();
  }

  private static Optional<Proc> stillAlive(Proc process) {
    return Procs.find(process.pid()).filter(it -> it.is(process) && it.alive());
  }

  /// Everybody who is left, by any of the looks.
  List<Proc> left() {
    var left = new LinkedHashMap<Long, Proc>();
    knownAlive().forEach(it -> left.put(it.pid(), it));
    for (Proc process : Procs.all()) {
      if (process.alive() && isOfUs(process.pid()) && !isBystander.test(process)) {
        left.put(process.pid(), process);
      }
    }
    return List.copyOf(left.values());
  }

  private boolean isOfUs(long pid) {
    return pid != SELF
        && (Procs.mark(pid).filter(birthmarks::contains).isPresent()
            || cookie.equals(Procs.environment(pid).get(COOKIE)));
  }

  /// For people: who is left, and which chain goes on.
  List<String> survivors() {
    List<String> survivors = new ArrayList<>(left().stream().map(Proc::toString).toList());
    traces.stream()
        .filter(Traces::chained)
        .forEach(it -> survivors.add("a fork chain of " + it.folder().getFileName()));
    return survivors;
  }

  /// Waits until nobody is left. Looks at the known ones first, which is quick.
  ///
  /// @return who is left when the time is up
  List<String> awaitNobody(Duration patience) {
    long end = System.nanoTime() + patience.toNanos();
    boolean _ = Until.holds(() -> knownAlive().isEmpty(), patience);
    List<String> survivors = survivors();
    while (!survivors.isEmpty() && System.nanoTime() < end) {
      survivors = survivors();
    }
    return survivors;
  }

  /// Ends who is left, so that a trial that failed does not disturb the next.
  void clear() {
    traces.forEach(Traces::endChain);
    boolean _ = Until.holds(this::kill, Duration.ofSeconds(5));
  }

  private boolean kill() {
    List<Proc> left = left();
    left.forEach(Signals::kill);
    return left.isEmpty();
  }
}
