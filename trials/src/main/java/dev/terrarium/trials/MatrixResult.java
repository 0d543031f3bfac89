package dev.terrarium.trials;

import dev.terrarium.Start;
import java.util.ArrayList;
import java.util.List;

/// What one host's end came to.
///
/// @param processes all below the host before its end
/// @param millis from the beginning of the end until nothing was left
/// @param survivors who was left, by any look
/// @param problem why it could not be held; empty where it was
record MatrixResult(
    Ending ending,
    int rotation,
    Start start,
    int processes,
    double millis,
    List<Cell> cells,
    List<String> survivors,
    String problem) {
  MatrixResult {
    cells = List.copyOf(cells);
    survivors = List.copyOf(survivors);
  }

  /// One worker with its child.
  ///
  /// @param processes of its own, itself included
  /// @param millis until all of them were gone: from the beginning of the host's end, or from the
  ///   death of the worker where that ended alone
  /// @param survivors of those that had written themselves down
  record Cell(
      State state, Kin kin, Fate fate, int processes, double millis, List<String> survivors) {
    Cell {
      survivors = List.copyOf(survivors);
    }
  }

  static MatrixResult notHeld(Trial trial, String problem) {
    return new MatrixResult(
        trial.ending(), trial.rotation(), trial.start(), 0, 0, List.of(), List.of(), problem);
  }

  /// Held, and nobody left.
  boolean clean() {
    return problem.isEmpty() && allSurvivors().isEmpty();
  }

  /// Everybody who was left, each once for each look at cell and host.
  List<String> allSurvivors() {
    List<String> all = new ArrayList<>(survivors);
    for (Cell cell : cells) {
      cell.survivors().forEach(it -> all.add(cell.state() + ", " + cell.kin() + ": " + it));
    }
    return all;
  }
}
