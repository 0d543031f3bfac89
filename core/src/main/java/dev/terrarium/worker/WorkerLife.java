package dev.terrarium.worker;

import dev.terrarium.Exit;
import dev.terrarium.StartFailedException.Reason;
import dev.terrarium.call.StopReason;
import dev.terrarium.call.WorkerEnd;
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

  /// Goes through the whole table once, for [Worker#prepare], and compares each state and each
  /// reason with another like it.
  static void rehearse() {
    Exit exit = new Exit.Status(0);
    List<WorkerEvent> events =
        List.of(
            new Spawned(1),
            new SpawnFailed(Reason.SPAWN, ""),
            new NotForked(""),
            new Helloed(),
            new StopAsked(new StopReason.PoolClosed("")),
            new KillAsked(new StopReason.PoolClosed("")),
            new Exited(exit, "", ""));
    List<WorkerState> others = states(exit);
    for (WorkerState state : states(exit)) {
      boolean _ = others.contains(state);
      for (WorkerEvent event : events) {
        boolean _ = next(state, event).equals(state);
      }
    }
    boolean _ = reasons().equals(reasons());
  }

  private static List<WorkerState> states(Exit exit) {
    var end = new StopReason.PoolClosed("");
    return List.of(
        new Reserved(false),
        new Starting(1),
        new Ready(1),
        new Stopping(end, false),
        new Gone(new WorkerEnd(end, exit, "")));
  }

  private static List<StopReason> reasons() {
    return List.of(
        new StopReason.PoolClosed(""),
        new StopReason.Retired(""),
        new StopReason.StartFailed(Reason.SPAWN, "", ""),
        new StopReason.NotForked(""),
        new StopReason.Unresponsive(""),
        new StopReason.BrokeProtocol(""),
        new StopReason.Disconnected(""),
        new StopReason.Crashed(""));
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
          neverStarted(new StopReason.StartFailed(reason, why, ""), why);
      case NotForked(String why) -> neverStarted(new StopReason.NotForked(why), why);
      // A child of a zygote that died with it, or a worker: the warden knows.
      case StopAsked(StopReason.Disconnected _) -> state;
      case StopAsked(StopReason end) -> new Stopping(end, true); // nobody is there yet to be asked
      case KillAsked(StopReason end) -> new Stopping(end, true);
      case Exited e -> gone(diedEarly(e), e);
      case Helloed _ -> new Reserved(true);
    };
  }

  private static WorkerState fromStarting(Starting state, WorkerEvent event) {
    return switch (event) {
      case Helloed _ -> new Ready(state.pid());
      case StopAsked(StopReason end) ->
          new Stopping(end, true); // it reads no frames before it is ready
      case KillAsked(StopReason end) -> new Stopping(end, true);
      case Exited e -> gone(diedEarly(e), e);
      case Spawned _, SpawnFailed _, NotForked _ -> state;
    };
  }

  private static WorkerState fromReady(Ready state, WorkerEvent event) {
    return switch (event) {
      case StopAsked(StopReason end) -> new Stopping(end, false);
      case KillAsked(StopReason end) -> new Stopping(end, true);
      case Exited e -> gone(crashed(e), e);
      case Spawned _, SpawnFailed _, NotForked _, Helloed _ -> state;
    };
  }

  private static WorkerState fromStopping(Stopping state, WorkerEvent event) {
    return switch (event) {
      case KillAsked _ -> state.forced() ? state : new Stopping(state.reason(), true);
      case SpawnFailed(Reason _, String why) -> neverStarted(state.reason(), why);
      case NotForked(String why) -> neverStarted(state.reason(), why);
      case Exited e -> gone(whyItEnded(state, e), e);
      case Spawned _, Helloed _, StopAsked _ -> state;
    };
  }

  // A process that exits closes its connection on the way, perhaps in the middle of a frame: what
  // ended it is its own doing, or what the warden knows of it, not the EOF.
  private static StopReason whyItEnded(Stopping state, Exited event) {
    if (state.forced()) {
      return state.reason();
    }
    return switch (state.reason()) {
      case StopReason.Disconnected _ -> crashed(event);
      case StopReason.BrokeProtocol(String detail) when !event.limit().isEmpty() ->
          new StopReason.BrokeProtocol(detail + "; " + event.limit());
      default -> state.reason();
    };
  }

  private static StopReason crashed(Exited event) {
    return new StopReason.Crashed(event.limit());
  }

  private static Gone gone(StopReason reason, Exited event) {
    return new Gone(new WorkerEnd(reason, event.exit(), event.stderrTail()));
  }

  private static Gone neverStarted(StopReason reason, String why) {
    return new Gone(new WorkerEnd(reason, new Exit.Unknown("never started: " + why), ""));
  }

  private static StopReason diedEarly(Exited event) {
    String limit = event.limit().isEmpty() ? "" : " (" + event.limit() + ")";
    return new StopReason.StartFailed(
        Reason.WORKER_DIED, event.exit().describe() + " before it was ready" + limit, "");
  }
}
