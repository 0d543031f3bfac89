package dev.terrarium.trials;

import dev.terrarium.process.Birthmark;
import dev.terrarium.registry.ProcessRegistry;
import dev.terrarium.registry.WorkerRow;
import dev.terrarium.testkit.Jvm;
import dev.terrarium.testkit.Procs;
import dev.terrarium.testkit.Procs.Proc;
import dev.terrarium.testkit.Signals;
import dev.terrarium.trials.ExhaustedHost.Verdict;
import dev.terrarium.trials.Ordeal.Happening;
import dev.terrarium.trials.OrdealResult.RoundResult;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// Leads one host through its [Ordeal], and looks what became of its callers, its pool, and of all
/// that it had started.
final class OrdealTrial {
  private static final Duration START = Duration.ofMinutes(1);
  private static final Duration VERDICT = Duration.ofMinutes(4);
  private static final Duration END = Duration.ofMinutes(1);

  /// Far beyond what may keep a host from meeting a shortage, and from saying that it is over:
  /// while its heap is full, and all its threads have the garbage collected in turn, that has taken
  /// a minute.
  private static final Duration MEETING = Duration.ofMinutes(3);

  private static final Duration GONE = Duration.ofSeconds(20);
  private static final List<String> OPTIONS =
      List.of("-Xmx64m", "-XX:+UseSerialGC", "-Xlog:os+thread=off", "-Dtrials.log=WARN");

  private final Ordeal ordeal;
  private final Path scratch = Places.scratch();
  private final String cookie = UUID.randomUUID().toString();
  private final Scene scene = new Scene(cookie, List.of(), _ -> false);
  private final List<RoundResult> rounds = new ArrayList<>();

  private OrdealTrial(Ordeal ordeal) {
    this.ordeal = ordeal;
  }

  /// A host that ended before its time proves nothing, or too much; the result has the reason.
  static OrdealResult run(Ordeal ordeal) {
    var running = new OrdealTrial(ordeal);
    try {
      return running.run();
    } catch (AssertionError | RuntimeException e) {
      return OrdealResult.notHeld(ordeal, running.rounds, String.valueOf(e.getMessage()));
    } finally {
      running.scene.clear();
      Places.remove(running.scratch);
    }
  }

  private OrdealResult run() {
    String[] arguments = {scratch.resolve("home").toString(), Places.exhausted().toString()};
    List<String> left = new ArrayList<>();
    int processes;
    List<Misfortune> missing;
    Jvm host = Jvm.start(ExhaustedHost.class, Map.of(Scene.COOKIE, cookie), OPTIONS, arguments);
    Shortage shortage = Shortage.of(host.pid());
    try (shortage;
        host) { // which is ended before its cgroup is removed
      missing = shortage.missing();
      host.awaitLine(ExhaustedHost.READY::equals, START);
      for (Ordeal.Round round : ordeal.rounds()) {
        rounds.add(run(host, shortage, round.without(missing)));
        look(host);
      }
      processes = look(host);
      host.say("end");
      String report = host.awaitLine(line -> line.startsWith("left "), END);
      if (!report.equals("left 0")) {
        left.add("its own report: " + report);
      }
      left.addAll(scene.awaitNobody(GONE));
    }
    return new OrdealResult(ordeal.number(), rounds, processes, missing, left, "");
  }

  private int look(Jvm host) {
    return Procs.find(host.pid()).map(scene::look).orElse(0);
  }

  private RoundResult run(Jvm host, Shortage shortage, Ordeal.Round round) {
    host.say("go " + Survivors.JSON.writeValueAsString(round));
    host.awaitLine(("going " + round.number())::equals, START);
    long begin = System.nanoTime();
    List<Misfortune> met = new ArrayList<>();
    for (Step step : steps(round)) {
      ExhaustedHost.awaitMoment(begin + step.at() * 1_000_000L);
      if (step.happening().what().isKill()
          ? kill(host, step.happening())
          : take(host, shortage, step)) {
        met.add(step.happening().what());
      }
    }
    ExhaustedHost.awaitMoment(begin + Ordeal.WINDOW_MILLIS * 1_000_000L);
    host.say("settle " + round.number());
    String mark = "result " + round.number() + " ";
    String said = host.awaitLine(line -> line.startsWith(mark), VERDICT);
    Verdict verdict = Survivors.JSON.readValue(said.substring(mark.length()), Verdict.class);
    return new RoundResult(
        round,
        met,
        verdict.outcomes().entrySet().stream()
            .collect(Collectors.toMap(it -> it.getKey().name(), Map.Entry::getValue)),
        verdict.none(),
        verdict.twice(),
        verdict.untyped(),
        verdict.wholeMillis());
  }

  /// The begin, or the end, of what happens; a kill has only a begin.
  private record Step(Happening happening, int at, boolean begin) {}

  private static List<Step> steps(Ordeal.Round round) {
    List<Step> steps = new ArrayList<>();
    for (Happening happening : round.happenings()) {
      steps.add(new Step(happening, happening.at(), true));
      if (!happening.what().isKill()) {
        steps.add(new Step(happening, happening.at() + happening.lasting(), false));
      }
    }
    steps.sort(Comparator.comparingInt(Step::at));
    return steps;
  }

  /// Ends no shortage before the host has met it. To heap and log the host sees itself.
  ///
  /// @return whether it is over, and was met
  private boolean take(Jvm host, Shortage shortage, Step step) {
    Misfortune what = step.happening().what();
    boolean ours = what != Misfortune.HEAP && what != Misfortune.LOG;
    if (step.begin()) {
      if (ours) {
        shortage.begin(what);
      }
      return false;
    }
    String line = Hardship.met(what, rounds.size());
    boolean met = Until.holds(() -> host.lines().contains(line), MEETING);
    if (ours) {
      shortage.end(what);
    }
    return met;
  }

  /// Nobody where there is none at this moment.
  ///
  /// @return whether somebody was hit
  private boolean kill(Jvm host, Happening happening) {
    look(host);
    Set<Long> zygotes = zygotes();
    List<Proc> found =
        Procs.descendants(host.pid()).stream()
            .filter(it -> Procs.mark(it.pid()).isPresent())
            .filter(it -> is(happening.what(), host, it, zygotes))
            .toList();
    if (!found.isEmpty()) {
      Signals.kill(found.get(happening.die() % found.size()));
    }
    return !found.isEmpty();
  }

  private static boolean is(Misfortune role, Jvm host, Proc process, Set<Long> zygotes) {
    if (process.parent() == host.pid()) {
      return role == Misfortune.WARDEN;
    }
    boolean zygote =
        Birthmark.of(process.pid()).filter(mark -> zygotes.contains(mark.worker())).isPresent();
    return role == (zygote ? Misfortune.ZYGOTE : Misfortune.WORKER);
  }

  /// Their numbers, by the ledger of the host's one run.
  private Set<Long> zygotes() {
    try (Stream<Path> runs = Files.list(scratch.resolve("home/runs"))) {
      var numbers = new HashSet<Long>();
      for (Path run : runs.toList()) {
        ProcessRegistry.read(run).rows().stream()
            .filter(WorkerRow::isZygote)
            .forEach(row -> numbers.add(row.number()));
      }
      return numbers;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
