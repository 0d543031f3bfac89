package dev.terrarium.trials;

import dev.terrarium.Start;
import dev.terrarium.trials.MatrixResult.Cell;
import dev.terrarium.trials.Survivors.ChaosRun;
import dev.terrarium.trials.Survivors.MatrixRun;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.function.Predicate;
import java.util.function.ToLongFunction;
import java.util.stream.DoubleStream;
import java.util.stream.Stream;

/// `docs/survivors.md`: tables of what [Survivors] holds.
final class Report {
  private static final String HEAD =
      """
      # Survivors

      What is left when hosts end, and who is hurt. Written by `trials/run`; do not edit: every figure is counted or measured, and all of them are in
      [survivors.json](survivors.json).

      Each host is a JVM of its own with real workers. Who is left is looked for in four ways that do not depend on each other: the birthmark; a variable in the environment that only this host had;
      everybody who stood below the host before its end; and what workers and children themselves wrote down, pid and start ticks (a chain, which has no pid for long: a lock that each link inherits).
      None of the looks shares code with the library. Before each end it is checked that all that is to be there is there. Nothing is started again afterwards, unless it says so.
      """;

  private static final String FULL = "trials/run matrix";
  private static final int ALL_CELLS =
      Ending.values().length * State.values().length * Kin.values().length;

  private final Survivors survivors;
  private final List<String> lines = new ArrayList<>();

  Report(Survivors survivors) {
    this.survivors = survivors;
  }

  String text() {
    lines.clear();
    lines.add(HEAD);
    lines.add("## Matrix of endings\n");
    survivors.latestMatrix().ifPresentOrElse(this::matrix, () -> notYet(FULL));
    lines.add("## Chaos\n");
    survivors.latestChaos().ifPresentOrElse(this::chaos, () -> notYet("trials/run chaos"));
    lines.add("## Exhaustion\n");
    survivors
        .latestExhaustion()
        .ifPresentOrElse(
            run -> new ExhaustionReport(run, lines).write(() -> facts(run.facts())),
            () -> notYet("trials/run exhaustion"));
    return String.join("\n", lines).stripTrailing() + "\n";
  }

  private void notYet(String command) {
    lines.add("Not run yet: `" + command + "`.\n");
  }

  private void facts(Facts facts) {
    lines.add(
        """
        | | |
        | --- | --- |
        | command | `%s` |
        | begun, took | %s, %s s |
        | commit | %s |
        | machine | %s, %s |
        | kernel | %s |
        | Java | %s |
        | Python | %s |
        | load before, hosts side by side | %s, %d |
        """
            .formatted(
                facts.command(),
                facts.begun(),
                number(facts.seconds()),
                facts.commit(),
                facts.processor(),
                facts.memory(),
                facts.kernel(),
                facts.java(),
                facts.python(),
                facts.load(),
                facts.lanes()));
  }

  // ---- the matrix

  private void matrix(MatrixRun run) {
    List<MatrixResult> forked = started(run, Start.ZYGOTE);
    List<MatrixResult> executed = started(run, Start.EXEC);
    lines.add(
        """
        **%s survivors** in %s of the %s cells of %d endings, %d states and %d children, in %s hosts with %s processes. A host has ten workers in the ten states, each with another
        child. Beside them %s cells, all pairs of values, with workers that were started by exec instead of fork. Not held as they should be, and so without a verdict: %s hosts.
        """
            .formatted(
                sum(run.results(), it -> it.allSurvivors().size()),
                number(cells(forked, _ -> true).size()),
                number(ALL_CELLS),
                Ending.values().length,
                State.values().length,
                Kin.values().length,
                number(forked.size()),
                sum(forked, MatrixResult::processes),
                number(cells(executed, _ -> true).size()),
                number(run.results().stream().filter(it -> !it.problem().isEmpty()).count())));
    list(
        run.results().stream()
            .flatMap(it -> it.allSurvivors().stream().map(s -> it.ending().words() + ": " + s)));
    list(
        run.results().stream()
            .filter(it -> !it.problem().isEmpty())
            .map(it -> "not held: " + it.ending().words() + ", rotation " + it.rotation()));
    facts(run.facts());
    endings(run.results());
    parts(
        "state",
        List.of(State.values()),
        State::words,
        (cell, it) -> cell.state() == it,
        run.results());
    parts(
        "child", List.of(Kin.values()), Kin::words, (cell, it) -> cell.kin() == it, run.results());
    fates(run.results());
  }

  private static List<MatrixResult> started(MatrixRun run, Start start) {
    return run.results().stream().filter(it -> it.start() == start).toList();
  }

  private void endings(List<MatrixResult> results) {
    lines.add(
        """
        Milliseconds until a worker and all that it had started were gone, least / median / most, looked at every millisecond: from the signal, or from the order to the program to exit, crash, or run out
        of memory; where only the worker ended, from its own death. Where a shutdown hook runs, that waits: workers that do not stop when asked have a grace of 0.5 s, then get SIGTERM, after 0.5 s more
        SIGKILL; the runtime's limit is 2 s.

        | ending | cells | processes | survivors | ms |
        | --- | ---: | ---: | ---: | ---: |\
        """);
    for (Ending ending : Ending.values()) {
      List<MatrixResult> of = results.stream().filter(it -> it.ending() == ending).toList();
      List<Cell> cells = cells(of, _ -> true);
      row(
          ending.words(),
          number(cells.size()),
          sum(cells, Cell::processes),
          sum(of, it -> it.allSurvivors().size()),
          spread(cells));
    }
    lines.add("");
  }

  private interface Belongs<T> {
    boolean to(Cell cell, T part);
  }

  private interface Words<T> {
    String of(T part);
  }

  private <T> void parts(
      String what,
      Collection<T> parts,
      Words<T> words,
      Belongs<T> belongs,
      List<MatrixResult> results) {
    lines.add(
        """
        | %s | cells | survivors | ms, no hook ran | ms, a hook ran | ms, only the worker ended |
        | --- | ---: | ---: | ---: | ---: | ---: |\
        """
            .formatted(what));
    for (T part : parts) {
      List<Cell> all = cells(results, cell -> belongs.to(cell, part));
      row(
          words.of(part),
          number(all.size()),
          sum(all, cell -> cell.survivors().size()),
          spread(
              cells(
                  with(results, it -> it != Ending.WORKER && !it.polite()),
                  cell -> belongs.to(cell, part))),
          spread(cells(with(results, Ending::polite), cell -> belongs.to(cell, part))),
          spread(cells(with(results, it -> it == Ending.WORKER), cell -> belongs.to(cell, part))));
    }
    lines.add("");
  }

  private static List<MatrixResult> with(List<MatrixResult> results, Predicate<Ending> wanted) {
    return results.stream().filter(it -> wanted.test(it.ending())).toList();
  }

  private void fates(List<MatrixResult> results) {
    lines.add(
        """
        | how only the worker ended | cells | survivors | ms from its death |
        | --- | ---: | ---: | ---: |\
        """);
    for (Fate fate : List.of(Fate.CRASH, Fate.DEADLINE, Fate.CLOSE)) {
      List<Cell> cells = cells(results, cell -> cell.fate() == fate);
      row(
          fate.words(),
          number(cells.size()),
          sum(cells, cell -> cell.survivors().size()),
          spread(cells));
    }
    lines.add("");
  }

  private static List<Cell> cells(List<MatrixResult> results, Predicate<Cell> wanted) {
    return results.stream().flatMap(it -> it.cells().stream()).filter(wanted).toList();
  }

  private static String spread(List<Cell> cells) {
    return spread(cells.stream().filter(it -> it.survivors().isEmpty()).mapToDouble(Cell::millis));
  }

  // ---- the chaos

  private void chaos(ChaosRun run) {
    List<ChaosResult> all = run.results();
    lines.add(
        """
        **%s orphans, %s strangers hurt** in %s kills at random moments, %s of them not held. Seed %d: with it the same hosts are killed at the same moments again.

        Each host has one to four pools of one to three workers, one of them with a daemon, the others in random states with random children. Beside each stand: `python3 grpc_server.py --snakepit-run-id` with
        the host's own run id (where it has one by then), the same with the environment of one of its workers, an editor on a file of that name, a live worker with a daemon of another host of the same home, and one of a host of
        another home. All have to be alive, unsignalled and at work afterwards.
        """
            .formatted(
                sum(all, it -> it.orphans().size()),
                sum(all, it -> it.hurt().size()),
                number(all.size()),
                number(all.stream().filter(it -> !it.problem().isEmpty()).count()),
                run.seed()));
    list(
        all.stream()
            .flatMap(
                it ->
                    it.orphans().stream()
                        .map(s -> "kill " + it.number() + ", " + it.blow().words() + ": " + s)));
    list(
        all.stream()
            .flatMap(it -> it.hurt().stream().map(s -> "kill " + it.number() + ", hurt: " + s)));
    facts(run.facts());
    blows(all);
    moments(all);
  }

  private void blows(List<ChaosResult> all) {
    lines.add(
        """
        Where the warden dies with its host the kernel ends all but what has left its worker's group; that is there until the next start of a runtime in the same home, which is then made.

        | hit | kills | processes alive | orphans | hurt | left for the next start | ms | ms from the next start |
        | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\
        """);
    for (Blow blow : Blow.values()) {
      List<ChaosResult> of = held(all).stream().filter(it -> it.blow() == blow).toList();
      row(
          blow.words(),
          number(of.size()),
          sum(of, ChaosResult::processes),
          sum(of, it -> it.orphans().size()),
          sum(of, it -> it.hurt().size()),
          sum(of, ChaosResult::left),
          spread(of.stream().mapToDouble(ChaosResult::millis)),
          blow.leavesNobody() ? spread(of.stream().mapToDouble(ChaosResult::sweepMillis)) : "");
    }
    lines.add("");
  }

  private void moments(List<ChaosResult> all) {
    lines.add(
        """
        | moment counted from | up to ms later | kills | processes alive at one kill |
        | --- | ---: | ---: | ---: |\
        """);
    for (Since since : Since.values()) {
      List<ChaosResult> of = held(all).stream().filter(it -> it.since() == since).toList();
      row(
          since.words(),
          number(since.millisMax()),
          number(of.size()),
          spread(of.stream().mapToDouble(ChaosResult::processes)));
    }
    lines.add("");
  }

  private static List<ChaosResult> held(List<ChaosResult> all) {
    return all.stream().filter(it -> it.problem().isEmpty()).toList();
  }

  // ---- writing

  private void row(String... cells) {
    lines.add("| " + String.join(" | ", cells) + " |");
  }

  private void list(Stream<String> items) {
    List<String> all = items.map(Report::item).toList();
    if (!all.isEmpty()) {
      lines.addAll(all);
      lines.add("");
    }
  }

  static String item(String text) {
    return "* " + text.replace('\n', ' ');
  }

  /// Least, median and most.
  static String spread(DoubleStream values) {
    double[] sorted = values.sorted().toArray();
    if (sorted.length == 0) {
      return "";
    }
    return "%s / %s / %s"
        .formatted(
            number(sorted[0]),
            number(sorted[sorted.length / 2]),
            number(sorted[sorted.length - 1]));
  }

  private static <T> String sum(List<T> all, ToLongFunction<T> figure) {
    return number(all.stream().mapToLong(figure).sum());
  }

  /// Small ones to a tenth.
  private static String number(double value) {
    return String.format(Locale.ROOT, value < 10 ? "%.1f" : "%,.0f", value);
  }

  static String number(long value) {
    return String.format(Locale.ROOT, "%,d", value);
  }
}
