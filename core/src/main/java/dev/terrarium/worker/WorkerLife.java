package dev.terrarium.worker;

import dev.terrarium.Exit;
import dev.terrarium.StartFailedException.Reason;
import dev.terrarium.worker.WorkerEvent.Exited;
import dev.terrarium.worker.WorkerEvent.Helloed;
import dev.terrarium.worker.WorkerEvent.KillAsked;
import dev.terrarium.worker.WorkerEvent.NotForked;
import dev.terrarium.worker.WorkerEvent.SpawnFailed;
import dev.terrarium.worker.WorkerEvent.Spawned;
import dev.terrarium.worker.WorkerEvent.StopAsked;
import dev.terrarium.worker.WorkerState.Gone;
import dev.terrarium.worker.WorkerState.Ready;
import dev.terrarium.worker.WorkerState.Reserved;
import dev.terrarium.worker.WorkerState.Starting;
import dev.terrarium.worker.WorkerState.Stopping;
import java.util.List;

/// The table of a worker's life: which state follows which event. Pure; a pair that makes no sense
/// leaves the state as it is, because a late or repeated report must never bring a dead worker
/// back.
final class WorkerLife {
  private WorkerLife() {}

  /// Goes through the whole table once, for [Worker#prepare].
  static void rehearse() {
    End end = End.of(End.Cause.ASKED, "");
    Exit exit = new Exit.Status(0);
    List<WorkerState> states =
        List.of(
            new Reserved(false),
            new Starting(1),
            new Ready(1),
            new Stopping(end, false),
            new Gone(end, exit, ""));
    List<WorkerEvent> events =
        List.of(
            new Spawned(1),
            new SpawnFailed(Reason.SPAWN, ""),
            new NotForked(""),
            new Helloed(),
            new StopAsked(end),
            new KillAsked(end),
            new Exited(exit, "", ""));
    for (WorkerState state : states) {
      for (WorkerEvent event : events) {
        boolean _ = next(state, event).equals(state);
      }
    }
  }

  static WorkerState next(WorkerState state, WorkerEvent event) {
    return switch (state) {
      case Reserved reserved -> fromReserved(reserved, event);
      case Starting starting -> fromStarting(starting, event);
      case Ready ready -> fromReady(ready, event);
      case Stopping stopping -> fromStopping(stopping, event);
      case Gone gone -> gone;
    };
  }

  private static WorkerState fromReserved(Reserved state, WorkerEvent event) {
    return switch (event) {
      case Spawned(long pid) -> state.helloed() ? new Ready(pid) : new Starting(pid);
      case SpawnFailed(Reason reason, String why) ->
          neverStarted(End.startFailed(reason, why), why);
      case NotForked(String why) -> neverStarted(End.of(End.Cause.NOT_FORKED, why), why);
      // A child of a zygote that died with it, or a worker: the warden knows.
      case StopAsked(End end) when end.cause() == End.Cause.DISCONNECTED -> state;
      case StopAsked(End end) -> new Stopping(end, true); // nobody is there yet to be asked
      case KillAsked(End end) -> new Stopping(end, true);
      case Exited e -> new Gone(diedEarly(e), e.exit(), e.stderrTail());
      case Helloed _ -> new Reserved(true);
    };
  }

  private static WorkerState fromStarting(Starting state, WorkerEvent event) {
    return switch (event) {
      case Helloed _ -> new Ready(state.pid());
      case StopAsked(End end) -> new Stopping(end, true); // it reads no frames before it is ready
      case KillAsked(End end) -> new Stopping(end, true);
      case Exited e -> new Gone(diedEarly(e), e.exit(), e.stderrTail());
      case Spawned _, SpawnFailed _, NotForked _ -> state;
    };
  }

  private static WorkerState fromReady(Ready state, WorkerEvent event) {
    return switch (event) {
      case StopAsked(End end) -> new Stopping(end, false);
      case KillAsked(End end) -> new Stopping(end, true);
      case Exited e -> new Gone(crashed(e), e.exit(), e.stderrTail());
      case Spawned _, SpawnFailed _, NotForked _, Helloed _ -> state;
    };
  }

  private static WorkerState fromStopping(Stopping state, WorkerEvent event) {
    return switch (event) {
      case KillAsked _ -> state.forced() ? state : new Stopping(state.end(), true);
      case SpawnFailed(Reason _, String why) -> neverStarted(state.end(), why);
      case NotForked(String why) -> neverStarted(state.end(), why);
      case Exited e -> new Gone(whyItEnded(state, e), e.exit(), e.stderrTail());
      case Spawned _, Helloed _, StopAsked _ -> state;
    };
  }

  // A process that exits closes its connection on the way, perhaps in the middle of a frame: what
  // ended it is its own doing, or what the warden knows of it, not the EOF.
  private static End whyItEnded(Stopping state, Exited event) {
    End end = state.end();
    if (state.forced()) {
      return end;
    }
    return switch (end.cause()) {
      case DISCONNECTED -> crashed(event);
      case PROTOCOL -> event.limit().isEmpty() ? end : end.and(event.limit());
      default -> end;
    };
  }

  private static End crashed(Exited event) {
    return End.of(End.Cause.CRASHED, event.limit());
  }

  private static Gone neverStarted(End end, String why) {
    return new Gone(end, new Exit.Unknown("never started: " + why), "");
  }

  private static End diedEarly(Exited event) {
    String limit = event.limit().isEmpty() ? "" : " (" + event.limit() + ")";
    return End.startFailed(
        Reason.WORKER_DIED, event.exit().describe() + " before it was ready" + limit);
  }
}
