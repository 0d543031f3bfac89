package dev.terrarium.trials;

import dev.terrarium.trials.ExhaustedHost.Outcome;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/// What became of one host and its callers.
///
/// @param processes all below the host before its end
/// @param missing what could not run out on this machine
/// @param left who was there after its end, or what its own report says is left
/// @param problem why it could not be led to its end; empty where it was
record OrdealResult(
    int number,
    List<RoundResult> rounds,
    int processes,
    List<Misfortune> missing,
    List<String> left,
    String problem) {
  OrdealResult {
    rounds = List.copyOf(rounds);
    missing = List.copyOf(missing);
    left = List.copyOf(left);
  }

  /// @param round without what cannot happen on this machine
  /// @param met what took effect: a shortage that the host met, a kill that hit somebody
  /// @param outcomes how many callers had which
  /// @param none callers that had no outcome
  /// @param twice callers that had more than one
  /// @param untyped outcomes that are neither a value nor an error of Terrarium's nor that there
  ///   was no memory
  /// @param wholeMillis until the pool was whole again, from when nothing was missing any more and
  ///   all callers had their outcome; below 0 where it was not within a minute
  record RoundResult(
      Ordeal.Round round,
      List<Misfortune> met,
      Map<String, Integer> outcomes,
      int none,
      int twice,
      List<String> untyped,
      double wholeMillis) {
    /// Callers who have to have had a value: those before the first misfortune are more.
    static final int VALUES_MIN = 10;

    RoundResult {
      met = List.copyOf(met);
      outcomes = Map.copyOf(outcomes);
      untyped = List.copyOf(untyped);
    }

    /// Why it proves nothing: nobody was served.
    Stream<String> reasons() {
      int values = outcomes.getOrDefault(Outcome.VALUE.name(), 0);
      return values >= VALUES_MIN
          ? Stream.empty()
          : Stream.of(
              "round %d: %d callers had a value, fewer than %d"
                  .formatted(round.number(), values, VALUES_MIN));
    }

    boolean clean() {
      return none == 0 && twice == 0 && untyped.isEmpty() && wholeMillis >= 0;
    }
  }

  static OrdealResult notHeld(Ordeal ordeal, List<RoundResult> rounds, String problem) {
    return new OrdealResult(ordeal.number(), rounds, 0, List.of(), List.of(), problem);
  }

  /// Why it was not held; none where it was. One shortage may hide another, as a full heap does a
  /// log that nobody has memory to write to: so each has to be met in some round, not in each.
  List<String> reasons() {
    Stream<String> unmet =
        rounds.stream()
            .flatMap(it -> it.round().happenings().stream())
            .map(Ordeal.Happening::what)
            .distinct()
            .filter(it -> !it.isKill() && rounds.stream().noneMatch(r -> r.met().contains(it)))
            .map(it -> "not met: " + it.words());
    return Stream.of(
            Stream.of(problem).filter(it -> !it.isEmpty()),
            unmet,
            rounds.stream().flatMap(RoundResult::reasons))
        .flatMap(it -> it)
        .toList();
  }

  /// Held, one outcome for each caller, whole after each round, nobody left.
  boolean clean() {
    return reasons().isEmpty() && left.isEmpty() && rounds.stream().allMatch(RoundResult::clean);
  }
}
