package dev.terrarium.trials;

import java.util.List;

/// What one kill came to.
///
/// @param blow who was hit in the end: where there was no warden yet, only the host
/// @param processes all below the host at the kill
/// @param left who was there when the kernel had done its part; only where nobody else was left
/// @param millis from the kill until nothing was left, or until the kernel had done its part
/// @param sweepMillis from the beginning of the next start until nothing was left; 0 where none was
///   needed
/// @param orphans who was left when nobody should have been
/// @param hurt which strangers were touched
/// @param problem why it could not be held; empty where it was
record ChaosResult(
    int number,
    Since since,
    Blow blow,
    int processes,
    int left,
    double millis,
    double sweepMillis,
    List<String> orphans,
    List<String> hurt,
    String problem) {
  ChaosResult {
    orphans = List.copyOf(orphans);
    hurt = List.copyOf(hurt);
  }

  static ChaosResult notHeld(Strike strike, String problem) {
    return new ChaosResult(
        strike.number(), strike.since(), strike.blow(), 0, 0, 0, 0, List.of(), List.of(), problem);
  }

  /// Held, nobody left, nobody hurt.
  boolean clean() {
    return problem.isEmpty() && orphans.isEmpty() && hurt.isEmpty();
  }
}
