package dev.terrarium.trials;

import dev.terrarium.testkit.Jvm;
import dev.terrarium.testkit.Procs;
import dev.terrarium.testkit.Procs.Proc;
import dev.terrarium.testkit.Signals;
import dev.terrarium.trials.ExhaustedHost.Verdict;
import dev.terrarium.trials.Ordeal.Happening;
import dev.terrarium.trials.OrdealResult.RoundResult;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;

/// Leads one host through its [Ordeal], and looks what became of its callers, its pool, and of all
/// that it had started.
final class OrdealTrial {
  private static final Duration START = Duration.ofMinutes(1);
  private static final Duration VERDICT = Duration.ofMinutes(4);
  private static final Duration END = Duration.ofMinutes(1);
  private static final Duration GONE = Duration.ofSeconds(20);
  private static final List<String> OPTIONS =
      List.of("-Xmx64m", "-XX:+UseSerialGC", "-Dtrials.log=WARN");

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
        rounds.add(run(host, shortage, round));
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
    host.say("go " + round.number());
    host.awaitLine(("going " + round.number())::equals, START);
    long begin = System.nanoTime();
    for (Step step : steps(round, shortage.missing())) {
      awaitMoment(begin + step.at() * 1_000_000L);
      take(host, shortage, step);
    }
    awaitMoment(begin + Ordeal.WINDOW_MILLIS * 1_000_000L);
    host.say("settle " + round.number());
    String mark = "result " + round.number() + " ";
    String said = host.awaitLine(line -> line.startsWith(mark), VERDICT);
    Verdict verdict = Survivors.JSON.readValue(said.substring(mark.length()), Verdict.class);
    return new RoundResult(
        round,
        verdict.outcomes().entrySet().stream()
            .collect(Collectors.toMap(it -> it.getKey().name(), Map.Entry::getValue)),
        verdict.none(),
        verdict.twice(),
        verdict.untyped(),
        verdict.wholeMillis());
  }

  /// The begin, or the end, of what happens.
  private record Step(Happening happening, int at, boolean begin) {}

  private static List<Step> steps(Ordeal.Round round, List<Misfortune> missing) {
    List<Step> steps = new ArrayList<>();
    for (Happening happening : round.happenings()) {
      if (!missing.contains(happening.what())) {
        steps.add(new Step(happening, happening.at(), true));
        steps.add(new Step(happening, happening.at() + happening.lasting(), false));
      }
    }
    steps.sort(Comparator.comparingInt(Step::at));
    return steps;
  }

  private void take(Jvm host, Shortage shortage, Step step) {
    Happening happening = step.happening();
    Misfortune what = happening.what();
    if (what.isKill()) {
      if (step.begin()) {
        kill(host, happening);
      }
      return;
    }
    switch (what) {
      case HEAP -> fill(host, step);
      case LOG -> sayOnce(host, "log", step);
      default -> {
        if (step.begin()) {
          shortage.begin(what);
        } else {
          shortage.end(what);
        }
      }
    }
  }

  // An order that comes while the heap is full is lost: the end is awaited.
  private void fill(Jvm host, Step step) {
    String id = Integer.toString(rounds.size());
    if (step.begin()) {
      host.say("heap " + step.happening().lasting() + " " + id);
    } else {
      host.awaitLine(("freed " + id)::equals, START);
    }
  }

  private static void sayOnce(Jvm host, String order, Step step) {
    if (step.begin()) {
      host.say(order + " " + step.happening().lasting());
    }
  }

  /// Nobody where there is none at this moment.
  private void kill(Jvm host, Happening happening) {
    look(host);
    List<Proc> found =
        Procs.descendants(host.pid()).stream()
            .filter(it -> Procs.mark(it.pid()).isPresent())
            .filter(it -> roleOf(host, it) == happening.what())
            .toList();
    if (!found.isEmpty()) {
      Signals.kill(found.get(happening.die() % found.size()));
    }
  }

  private static Misfortune roleOf(Jvm host, Proc process) {
    if (process.parent() == host.pid()) {
      return Misfortune.WARDEN;
    }
    return Procs.command(process.pid()).contains("-zygote-")
        ? Misfortune.ZYGOTE
        : Misfortune.WORKER;
  }

  private static void awaitMoment(long nanos) {
    for (long left = nanos - System.nanoTime(); left > 0; left = nanos - System.nanoTime()) {
      LockSupport.parkNanos(left);
    }
  }
}
