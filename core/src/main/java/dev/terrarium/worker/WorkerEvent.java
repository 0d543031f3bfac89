package dev.terrarium.worker;

import dev.terrarium.Exit;
import dev.terrarium.StartFailedException.Reason;
import dev.terrarium.call.StopReason;
import dev.terrarium.call.WorkerChannel;

/// What can happen to a worker.
public sealed interface WorkerEvent {
  /// The warden started the process.
  record Spawned(long pid) implements WorkerEvent {}

  /// The warden could not.
  record SpawnFailed(Reason reason, String why) implements WorkerEvent {}

  /// Its zygote could not.
  record NotForked(String why) implements WorkerEvent {}

  /// It said HELLO.
  record Helloed(WorkerChannel channel) implements WorkerEvent {}

  /// It is asked to end, politely; or it has closed its connection.
  record StopAsked(StopReason reason) implements WorkerEvent {}

  /// It is to end at once.
  record KillAsked(StopReason reason) implements WorkerEvent {}

  /// It has finished the calls that it had.
  record Drained() implements WorkerEvent {}

  /// The warden saw its death.
  ///
  /// @param limit which of its limits it died of, for people; mostly empty
  record Exited(Exit exit, String stderrTail, String limit) implements WorkerEvent {}

  /// It has no more to say: all that it said has been read, or that took too long.
  record Silenced() implements WorkerEvent {}
}
