package dev.terrarium.trials;

import dev.terrarium.trials.ExhaustedHost.Outcome;
import dev.terrarium.trials.OrdealResult.RoundResult;
import dev.terrarium.trials.Survivors.OrdealRun;
import java.util.Collections;
import java.util.List;
import java.util.function.Predicate;
import java.util.function.ToLongFunction;
import java.util.stream.Stream;

/// The part of `docs/survivors.md` about hosts that go on while everything runs out.
final class ExhaustionReport {
  private final List<OrdealResult> hosts;
  private final List<RoundResult> rounds;
  private final long seed;
  private final List<String> lines;

  /// @param lines what is written goes there
  ExhaustionReport(OrdealRun run, List<String> lines) {
    this.hosts = run.results();
    this.rounds = hosts.stream().flatMap(it -> it.rounds().stream()).toList();
    this.seed = run.seed();
    this.lines = lines;
  }

  /// @param facts adds the table of circumstances
  void write(Runnable facts) {
    lines.add(
        """
        **%s callers without exactly one outcome, %s pools not whole again, %s processes left** in %s rounds of %s hosts, %s of them not held. Seed %d: with it the same happens at the same moments again.

        In each round 1,000 callers make one call each within six seconds, half of them without waiting, on a pool of four workers; meanwhile one to three things run out for a while, and one to three processes
        are killed; each host meets each of them. Not held is a host that has not met a shortage it was to meet, or with a round in which fewer than %d callers had a value. When nothing is missing any more each caller has to have had one outcome: a value, an error of Terrarium's, or that there was no memory for him; and the pool has to answer, to keep a
        deadline, and to have all its workers, within a minute. Outcomes of any other type: %s.
        """
            .formatted(
                sum(rounds, it -> it.none() + it.twice()),
                Report.number(rounds.stream().filter(it -> it.wholeMillis() < 0).count()),
                sum(hosts, it -> it.left().size()),
                Report.number(rounds.size()),
                Report.number(hosts.size()),
                Report.number(hosts.stream().filter(it -> !it.reasons().isEmpty()).count()),
                seed,
                RoundResult.VALUES_MIN,
                sum(rounds, it -> it.untyped().size())));
    list(hosts.stream().flatMap(ExhaustionReport::problems));
    list(
        hosts.stream()
            .flatMap(it -> it.missing().stream())
            .distinct()
            .map(it -> "not on this machine: " + it.words()));
    facts.run();
    outcomes();
    misfortunes();
  }

  private static Stream<String> problems(OrdealResult host) {
    String who = "host " + host.number();
    Stream<String> held = host.reasons().stream().map(it -> who + " was not held: " + it);
    Stream<String> left = host.left().stream().map(it -> who + " left " + it);
    Stream<String> rounds =
        host.rounds().stream()
            .filter(it -> !it.clean())
            .map(
                it ->
                    "%s, round %d: %d callers without an outcome, %d with more than one, %s, whole after %.0f ms"
                        .formatted(
                            who,
                            it.round().number(),
                            it.none(),
                            it.twice(),
                            it.untyped(),
                            it.wholeMillis()));
    return Stream.of(held, left, rounds).flatMap(it -> it);
  }

  private void list(Stream<String> items) {
    List<String> all = items.map(Report::item).toList();
    if (!all.isEmpty()) {
      lines.addAll(all);
      lines.add("");
    }
  }

  private void outcomes() {
    lines.add("| outcome | callers |\n| --- | ---: |");
    for (Outcome outcome : Outcome.values()) {
      lines.add(
          "| %s | %s |"
              .formatted(
                  outcome.words(),
                  sum(rounds, it -> it.outcomes().getOrDefault(outcome.name(), 0))));
    }
    lines.add("");
  }

  private void misfortunes() {
    lines.add(
        """
        | what was to happen | times | took effect | rounds with it | callers without exactly one outcome | ms until the pool was whole |
        | --- | ---: | ---: | ---: | ---: | ---: |\
        """);
    for (Misfortune what : Misfortune.values()) {
      Predicate<Ordeal.Happening> wanted = it -> it.what() == what;
      List<RoundResult> with =
          rounds.stream().filter(it -> it.round().happenings().stream().anyMatch(wanted)).toList();
      lines.add(
          "| %s | %s | %s | %s | %s | %s |"
              .formatted(
                  what.words(),
                  sum(with, it -> it.round().happenings().stream().filter(wanted).count()),
                  sum(with, it -> Collections.frequency(it.met(), what)),
                  Report.number(with.size()),
                  sum(with, it -> it.none() + it.twice()),
                  Report.spread(
                      with.stream()
                          .mapToDouble(RoundResult::wholeMillis)
                          .filter(millis -> millis >= 0))));
    }
    lines.add("");
  }

  private static <T> String sum(List<T> all, ToLongFunction<T> figure) {
    return Report.number(all.stream().mapToLong(figure).sum());
  }
}
