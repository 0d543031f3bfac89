package dev.terrarium.trials;

import java.util.List;
import java.util.Map;

/// What became of one host and its callers.
///
/// @param processes all below the host before its end
/// @param missing what could not run out on this machine
/// @param left who was there after its end, or what its own report says is left
/// @param problem why it could not be held; empty where it was
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

  /// @param outcomes how many callers had which
  /// @param none callers that had no outcome
  /// @param twice callers that had more than one
  /// @param untyped outcomes that are neither a value nor an error of Terrarium's nor that there
  ///   was no memory
  /// @param wholeMillis until the pool was whole again, from when nothing was missing any more and
  ///   all callers had their outcome; below 0 where it was not within a minute
  record RoundResult(
      Ordeal.Round round,
      Map<String, Integer> outcomes,
      int none,
      int twice,
      List<String> untyped,
      double wholeMillis) {
    RoundResult {
      outcomes = Map.copyOf(outcomes);
      untyped = List.copyOf(untyped);
    }

    boolean clean() {
      return none == 0 && twice == 0 && untyped.isEmpty() && wholeMillis >= 0;
    }
  }

  static OrdealResult notHeld(Ordeal ordeal, List<RoundResult> rounds, String problem) {
    return new OrdealResult(ordeal.number(), rounds, 0, List.of(), List.of(), problem);
  }

  /// Held, one outcome for each caller, whole after each round, nobody left.
  boolean clean() {
    return problem.isEmpty() && left.isEmpty() && rounds.stream().allMatch(RoundResult::clean);
  }
}
