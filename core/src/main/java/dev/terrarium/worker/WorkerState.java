package dev.terrarium.worker;

import dev.terrarium.call.StopReason;
import dev.terrarium.call.WorkerEnd;

/// Where a worker is in its life.
public sealed interface WorkerState {
  /// Its row is in the ledger and the warden is asked for the process.
  ///
  /// @param helloed whether it said HELLO: one that is forked may be quicker than the warden's word
  record Reserved(boolean helloed) implements WorkerState {}

  /// The process exists and is not ready yet.
  record Starting(long pid) implements WorkerState {}

  /// It takes calls.
  record Ready(long pid) implements WorkerState {}

  /// It is to end.
  ///
  /// @param forced whether it is killed, not asked
  record Stopping(StopReason reason, boolean forced) implements WorkerState {}

  /// It is dead.
  record Gone(WorkerEnd end) implements WorkerState {}
}
