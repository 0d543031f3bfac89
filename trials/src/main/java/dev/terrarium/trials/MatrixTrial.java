package dev.terrarium.trials;

import dev.terrarium.testkit.Jvm;
import dev.terrarium.testkit.Procs;
import dev.terrarium.testkit.Signals;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.Consumer;

/// Runs one [Trial]: starts the host, sees that everybody is in place, brings the end about, and
/// looks who is left.
final class MatrixTrial {
  /// For what has to be gone; far more than it takes.
  static final Duration PATIENCE = Duration.ofSeconds(20);

  /// Of workers that are to end by a deadline. Long enough to be looked at before it is over; where
  /// the machine is so busy that it was not, the trial is held again with more.
  private static final List<Duration> LIMITS =
      List.of(Duration.ofSeconds(10), Duration.ofSeconds(30), Duration.ofSeconds(90));

  /// For a host until all its workers are in place.
  private static final Duration READY = Duration.ofMinutes(2);

  /// A worker that goes on when all the others of its host end, and what it started as well.
  private static final Tenancy WITNESS = new Tenancy(State.IDLE, Kin.DAEMON, Fate.WITH_HOST);

  private final Trial trial;
  private final Duration limit;
  private final Duration patience;
  private final Consumer<List<Traces>> meanwhile;
  private final List<Tenancy> tenancies;
  private final Path scratch = Places.scratch();
  private final List<Traces> traces;
  private final String cookie = UUID.randomUUID().toString();
  private final Scene scene;

  private MatrixTrial(
      Trial trial, Duration limit, Duration patience, Consumer<List<Traces>> meanwhile) {
    this.trial = trial;
    this.limit = limit;
    this.patience = patience;
    this.meanwhile = meanwhile;
    this.tenancies = new ArrayList<>(trial.tenancies());
    if (trial.ending() == Ending.WORKER) {
      tenancies.add(WITNESS);
    }
    this.traces = Scene.traces(scratch.resolve("traces"), tenancies.size());
    this.scene = new Scene(cookie, traces, _ -> false);
  }

  /// A trial that could not be held as it should proves nothing; the result has the reason.
  static MatrixResult run(Trial trial) {
    MatrixResult result = MatrixResult.notHeld(trial, "never tried");
    for (Duration limit : trial.ending() == Ending.WORKER ? LIMITS : LIMITS.subList(0, 1)) {
      if (!result.problem().isEmpty()) {
        result = run(trial, limit, PATIENCE.plus(limit), _ -> {});
      }
    }
    return result;
  }

  /// The same with something that happens to it.
  ///
  /// @param patience with what has to be gone
  /// @param meanwhile what else happens, when all are in place
  static MatrixResult run(Trial trial, Duration patience, Consumer<List<Traces>> meanwhile) {
    return run(trial, LIMITS.getFirst(), patience, meanwhile);
  }

  private static MatrixResult run(
      Trial trial, Duration limit, Duration patience, Consumer<List<Traces>> meanwhile) {
    MatrixTrial running = new MatrixTrial(trial, limit, patience, meanwhile);
    try {
      return running.run();
    } catch (AssertionError | RuntimeException e) {
      return MatrixResult.notHeld(trial, String.valueOf(e.getMessage()));
    } finally {
      running.scene.clear();
      Places.remove(running.scratch);
    }
  }

  private MatrixResult run() {
    var orders =
        new Host.Orders(
            scratch.resolve("home"),
            scratch.resolve("traces"),
            trial.ending(),
            trial.start(),
            1,
            tenancies);
    try (Jvm host =
        Jvm.start(Host.class, Map.of(Scene.COOKIE, cookie), options(), orders.arguments())) {
      host.awaitLine(Host.READY::equals, READY);
      int processes = scene.look(Procs.find(host.pid()).orElseThrow());
      List<CellWatch> cells = watches();
      cells.forEach(cell -> cell.assertInPlace(scene.birthmarks()));
      meanwhile.accept(traces);
      return trial.ending() == Ending.WORKER
          ? workersEnd(host, cells, processes)
          : hostEnds(host, cells, processes);
    }
  }

  private List<String> options() {
    var options = new ArrayList<>(trial.ending().options(scratch));
    options.add("-D" + Tenant.LIMIT_PROPERTY + "=" + limit.toSeconds());
    return options;
  }

  private List<CellWatch> watches() {
    List<CellWatch> watches = new ArrayList<>();
    for (int i = 0; i < tenancies.size(); i++) {
      watches.add(new CellWatch(tenancies.get(i), traces.get(i)));
    }
    return watches;
  }

  private MatrixResult hostEnds(Jvm host, List<CellWatch> cells, int processes) {
    long begin = trial.ending().bringAbout(host);
    awaitOver(cells);
    List<String> survivors = scene.awaitNobody(patience);
    double millis = Until.millisSince(begin);
    assertEnded(host);
    return result(cells, begin, processes, millis, survivors);
  }

  /// First the workers, under the eyes of one that goes on; then the host.
  private MatrixResult workersEnd(Jvm host, List<CellWatch> cells, int processes) {
    List<CellWatch> ending = cells.subList(0, cells.size() - 1);
    CellWatch witness = cells.getLast();
    long begin = System.nanoTime();
    for (int i = 0; i < ending.size(); i++) {
      endWorker(host, i, ending.get(i));
    }
    awaitOver(ending);
    double millis = Until.millisSince(begin);
    assertUntouched(host, witness);
    scene.look(Procs.find(host.pid()).orElseThrow());
    trial.ending().bringAbout(host);
    List<String> survivors = scene.awaitNobody(patience);
    assertEnded(host);
    return result(ending, begin, processes, millis, survivors);
  }

  private static void endWorker(Jvm host, int number, CellWatch cell) {
    switch (cell.tenancy().fate()) {
      case CRASH -> cell.worker().process().ifPresent(Signals::kill);
      case CLOSE -> host.say(Host.CLOSE + " " + number);
      case DEADLINE -> {} // runs already
      case WITH_HOST -> throw new IllegalStateException("this one does not end");
    }
  }

  private void assertUntouched(Jvm host, CellWatch witness) {
    String answer = Host.ping(host, tenancies.size() - 1);
    if (!answer.equals(witness.worker().pid() + " 0") || witness.isOver()) {
      throw new AssertionError("a worker that lives was touched: " + answer);
    }
    witness.assertInPlace(scene.birthmarks());
  }

  private void awaitOver(List<CellWatch> cells) {
    var open = new ArrayList<>(cells);
    boolean _ =
        Until.holds(
            () -> {
              open.removeIf(CellWatch::isOver);
              return open.isEmpty();
            },
            patience);
  }

  /// The exit status shows that it was this ending and no other; of a crash, its report.
  private void assertEnded(Jvm host) {
    int status = host.awaitExit();
    boolean crashed = Files.exists(scratch.resolve(Ending.CRASH_REPORT));
    if (status != trial.ending().status() || crashed != (trial.ending() == Ending.CRASH)) {
      throw new AssertionError(
          "exit status %d instead of %d; it said:%n%s"
              .formatted(
                  status,
                  trial.ending().status(),
                  String.join(System.lineSeparator(), host.lines())));
    }
  }

  private MatrixResult result(
      List<CellWatch> cells, long begin, int processes, double millis, List<String> survivors) {
    return new MatrixResult(
        trial.ending(),
        trial.rotation(),
        trial.start(),
        processes,
        millis,
        cells.stream().map(cell -> cell.result(begin)).toList(),
        survivors,
        "");
  }
}
