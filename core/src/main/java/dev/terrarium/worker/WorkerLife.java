package dev.terrarium.worker;

import dev.terrarium.Exit;
import dev.terrarium.StartFailedException.Reason;
import dev.terrarium.call.StopReason;
import dev.terrarium.call.StopReason.BrokeProtocol;
import dev.terrarium.call.StopReason.Disconnected;
import dev.terrarium.call.StopReason.Retired;
import dev.terrarium.call.WorkerChannel;
import dev.terrarium.call.WorkerEnd;
import dev.terrarium.worker.WorkerEvent.Drained;
import dev.terrarium.worker.WorkerEvent.Exited;
import dev.terrarium.worker.WorkerEvent.Helloed;
import dev.terrarium.worker.WorkerEvent.KillAsked;
import dev.terrarium.worker.WorkerEvent.NotForked;
import dev.terrarium.worker.WorkerEvent.Silenced;
import dev.terrarium.worker.WorkerEvent.SpawnFailed;
import dev.terrarium.worker.WorkerEvent.Spawned;
import dev.terrarium.worker.WorkerEvent.StopAsked;
import dev.terrarium.worker.WorkerState.Draining;
import dev.terrarium.worker.WorkerState.Exiting;
import dev.terrarium.worker.WorkerState.Gone;
import dev.terrarium.worker.WorkerState.Greeted;
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
  @SuppressWarnings("NullAway") // nobody sends anything: no channel is as good as any
  static void rehearse() {
    WorkerChannel channel = null;
    List<WorkerState> others = states(channel);
    for (WorkerState state : states(channel)) {
      boolean _ = others.contains(state);
      for (WorkerEvent event : events(channel)) {
        boolean _ = next(state, event).equals(state);
      }
    }
    boolean _ = reasons().equals(reasons());
  }

  private static List<WorkerState> states(WorkerChannel channel) {
    var reason = new StopReason.PoolClosed("");
    var exited = new Exited(new Exit.Status(0), "", "");
    return List.of(
        new Reserved(),
        new Greeted(channel, null),
        new Starting(1),
        new Ready(1, channel),
        new Draining(1, channel, reason),
        new Stopping(1, channel, reason, false),
        new Exiting(1, channel, reason, exited),
        new Gone(1, channel, new WorkerEnd(reason, exited.exit(), "")));
  }

  private static List<WorkerEvent> events(WorkerChannel channel) {
    var reason = new StopReason.PoolClosed("");
    return List.of(
        new Spawned(1),
        new SpawnFailed(Reason.SPAWN, ""),
        new NotForked(""),
        new Helloed(channel),
        new StopAsked(reason),
        new KillAsked(reason),
        new Drained(),
        new Exited(new Exit.Status(0), "", ""),
        new Silenced());
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
      case Greeted greeted -> fromGreeted(greeted, event);
      case Starting starting -> fromStarting(starting, event);
      case Ready ready -> fromReady(ready, event);
      case Draining draining -> fromDraining(draining, event);
      case Stopping stopping -> fromStopping(stopping, event);
      case Exiting exiting -> fromExiting(exiting, event);
      case Gone gone -> gone;
    };
  }

  private static WorkerState fromReserved(Reserved state, WorkerEvent event) {
    return switch (event) {
      case Spawned(long pid) -> new Starting(pid);
      case Helloed(WorkerChannel channel) -> new Greeted(channel, null);
      default -> beforeThereIsAProcess(state, event);
    };
  }

  private static WorkerState fromGreeted(Greeted state, WorkerEvent event) {
    StopReason hungUp = state.hungUp();
    return switch (event) {
      case Spawned(long pid) when hungUp != null ->
          new Stopping(pid, state.channel(), hungUp, false);
      case Spawned(long pid) -> new Ready(pid, state.channel());
      // A child of a zygote that died with it, or a worker: the warden knows.
      case StopAsked(Disconnected reason) -> new Greeted(state.channel(), reason);
      default -> beforeThereIsAProcess(state, event);
    };
  }

  private static WorkerState beforeThereIsAProcess(WorkerState state, WorkerEvent event) {
    return switch (event) {
      case SpawnFailed(Reason reason, String why) ->
          neverStarted(state, new StopReason.StartFailed(reason, why, ""), why);
      case NotForked(String why) -> neverStarted(state, new StopReason.NotForked(why), why);
      case StopAsked(StopReason reason) ->
          stopping(state, reason, true); // nobody is there to be asked
      case KillAsked(StopReason reason) -> stopping(state, reason, true);
      case Exited exited -> gone(state, diedEarly(exited), exited);
      default -> state;
    };
  }

  private static WorkerState fromStarting(Starting state, WorkerEvent event) {
    return switch (event) {
      case Helloed(WorkerChannel channel) -> new Ready(state.pid(), channel);
      case StopAsked(StopReason reason) -> stopping(state, reason, true); // it reads no frames yet
      case KillAsked(StopReason reason) -> stopping(state, reason, true);
      // One that exits by itself may have said why.
      case Exited exited when exited.exit() instanceof Exit.Status ->
          new Exiting(state.pid(), null, diedEarly(exited), exited);
      case Exited exited -> gone(state, diedEarly(exited), exited);
      default -> state;
    };
  }

  private static WorkerState fromReady(Ready state, WorkerEvent event) {
    return switch (event) {
      case StopAsked(Retired reason) -> new Draining(state.pid(), state.channel(), reason);
      case StopAsked(StopReason reason) -> stopping(state, reason, false);
      case KillAsked(StopReason reason) -> stopping(state, reason, true);
      case Exited exited -> exiting(state, exited);
      default -> state;
    };
  }

  private static WorkerState fromDraining(Draining state, WorkerEvent event) {
    return switch (event) {
      case Drained _ -> stopping(state, state.reason(), false);
      case StopAsked(Retired _) -> state;
      case StopAsked(StopReason reason) -> stopping(state, reason, false);
      case KillAsked(StopReason reason) -> stopping(state, reason, true);
      case Exited exited -> exiting(state, exited);
      default -> state;
    };
  }

  private static WorkerState fromStopping(Stopping state, WorkerEvent event) {
    return switch (event) {
      case Spawned(long pid) -> new Stopping(pid, state.channel(), state.reason(), state.forced());
      case Helloed(WorkerChannel channel) ->
          new Stopping(state.pid(), channel, state.reason(), state.forced());
      case KillAsked _ -> state.forced() ? state : stopping(state, state.reason(), true);
      case SpawnFailed(Reason _, String why) -> neverStarted(state, state.reason(), why);
      case NotForked(String why) -> neverStarted(state, state.reason(), why);
      case Exited exited -> gone(state, whyItEnded(state, exited), exited);
      default -> state;
    };
  }

  // What is still said counts, and so does what the pool wanted meanwhile.
  private static WorkerState fromExiting(Exiting state, WorkerEvent event) {
    Exited exited = state.exited();
    return switch (event) {
      case Helloed(WorkerChannel channel) ->
          new Exiting(state.pid(), channel, crashed(exited), exited);
      case StopAsked(Disconnected _) -> state;
      case StopAsked(BrokeProtocol reason) -> because(state, limited(reason, exited));
      case StopAsked(StopReason reason) -> because(state, reason);
      case KillAsked(StopReason reason) -> gone(state, reason, exited);
      case Silenced _ -> gone(state, state.reason(), exited);
      default -> state;
    };
  }

  private static Exiting because(Exiting state, StopReason reason) {
    return new Exiting(state.pid(), state.channel(), reason, state.exited());
  }

  private static Stopping stopping(WorkerState state, StopReason reason, boolean forced) {
    return new Stopping(state.pid(), state.channel(), reason, forced);
  }

  // A death that nobody saw says nothing of what was said before it.
  private static WorkerState exiting(WorkerState state, Exited exited) {
    return exited.exit() instanceof Exit.Unknown
        ? gone(state, crashed(exited), exited)
        : new Exiting(state.pid(), state.channel(), crashed(exited), exited);
  }

  // A process that exits closes its connection on the way, perhaps in the middle of a frame: what
  // ended it is its own doing, or what the warden knows of it, not the EOF.
  private static StopReason whyItEnded(Stopping state, Exited exited) {
    if (state.forced()) {
      return state.reason();
    }
    return switch (state.reason()) {
      case Disconnected _ -> crashed(exited);
      case BrokeProtocol reason -> limited(reason, exited);
      default -> state.reason();
    };
  }

  private static BrokeProtocol limited(BrokeProtocol reason, Exited exited) {
    return exited.limit().isEmpty()
        ? reason
        : new BrokeProtocol(reason.detail() + "; " + exited.limit());
  }

  private static StopReason crashed(Exited exited) {
    return new StopReason.Crashed(exited.limit());
  }

  private static Gone gone(WorkerState state, StopReason reason, Exited exited) {
    var end = new WorkerEnd(reason, exited.exit(), exited.stderrTail());
    return new Gone(state.pid(), state.channel(), end);
  }

  private static Gone neverStarted(WorkerState state, StopReason reason, String why) {
    var end = new WorkerEnd(reason, new Exit.Unknown("never started: " + why), "");
    return new Gone(state.pid(), state.channel(), end);
  }

  private static StopReason diedEarly(Exited exited) {
    String limit = exited.limit().isEmpty() ? "" : " (" + exited.limit() + ")";
    return new StopReason.StartFailed(
        Reason.WORKER_DIED, exited.exit().describe() + " before it was ready" + limit, "");
  }
}
