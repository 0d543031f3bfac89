package dev.terrarium.event;

import dev.terrarium.OrphanEnding;
import java.time.Instant;

/// Something that happened in a runtime: subscribe with `terrarium.onEvent(TYPE, …)`.
public sealed interface TerrariumEvent {
  Instant at();

  /// The run id of the runtime that tells it.
  String run();

  /// A process of a dead runtime was there when this one looked by itself, while it started or
  /// later. What is found on demand stands in what the clean-up returns.
  ///
  /// @param orphan the process, and what became of it
  record OrphanFound(Instant at, String run, OrphanEnding orphan) implements TerrariumEvent {}

  /// Ledger, warden and machine did not agree, and no longer disagree.
  ///
  /// @param worker the id of the worker, empty where it is not known
  /// @param pid 0 where there is no process
  /// @param detail for people: what was seen, and what was done about it
  record DriftFound(Instant at, String run, Drift drift, String worker, long pid, String detail)
      implements TerrariumEvent {}

  /// In what way they did not.
  enum Drift {
    /// The ledger has a row, and nothing of that worker lives or is known to the warden. Released.
    ROW_WITHOUT_WORKER,
    /// A process bears the number of a worker that has no row. Killed.
    PROCESS_WITHOUT_ROW
  }

  /// A worker had calls, and was silent for longer than its pool's `stuckAfter`. It is killed.
  ///
  /// @param stacks where its threads were; empty where Python did not tell
  record WorkerStuck(Instant at, String run, String worker, long pid, String stacks)
      implements TerrariumEvent {}
}
