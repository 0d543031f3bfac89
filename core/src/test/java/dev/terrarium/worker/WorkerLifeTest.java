package dev.terrarium.worker;

import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.Exit;
import dev.terrarium.StartFailedException.Reason;
import dev.terrarium.call.StopReason;
import dev.terrarium.call.WorkerChannel;
import dev.terrarium.call.WorkerEnd;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

final class WorkerLifeTest {
  private static final StopReason CLOSED = new StopReason.PoolClosed("the pool closes");
  private static final StopReason RETIRED = new StopReason.Retired("it is old");
  private static final StopReason LOST = new StopReason.Disconnected("gone");
  private static final StopReason CUT =
      new StopReason.BrokeProtocol("protocol error: the frame is cut");
  private static final StopReason CRASHED = new StopReason.Crashed("");
  private static final Exit KILLED = new Exit.Signal(9);
  private static final Exit EXITED = new Exit.Status(3);
  private static final WorkerChannel CHANNEL = new NoChannel();

  private static final Map<String, WorkerState> STATES = new LinkedHashMap<>();
  private static final Map<String, WorkerEvent> EVENTS = new LinkedHashMap<>();

  static {
    STATES.put("reserved", new WorkerState.Reserved());
    STATES.put("greeted", new WorkerState.Greeted(CHANNEL, null));
    STATES.put("greeted and hung up", new WorkerState.Greeted(CHANNEL, LOST));
    STATES.put("starting", new WorkerState.Starting(7));
    STATES.put("ready", new WorkerState.Ready(7, CHANNEL));
    STATES.put("draining", new WorkerState.Draining(7, CHANNEL, RETIRED));
    STATES.put("asked", new WorkerState.Stopping(7, CHANNEL, CLOSED, false));
    STATES.put("forced", new WorkerState.Stopping(7, CHANNEL, CLOSED, true));
    STATES.put("exiting", new WorkerState.Exiting(7, CHANNEL, CRASHED, exited(EXITED)));
    STATES.put("gone", gone(CLOSED, KILLED, ""));
    EVENTS.put("spawned", new WorkerEvent.Spawned(7));
    EVENTS.put("spawnFailed", new WorkerEvent.SpawnFailed(Reason.SPAWN, "no memory"));
    EVENTS.put("notForked", new WorkerEvent.NotForked("no zygote"));
    EVENTS.put("hello", new WorkerEvent.Helloed(CHANNEL));
    EVENTS.put("retire", new WorkerEvent.StopAsked(RETIRED));
    EVENTS.put("close", new WorkerEvent.StopAsked(CLOSED));
    EVENTS.put("hangsUp", new WorkerEvent.StopAsked(LOST));
    EVENTS.put("kill", new WorkerEvent.KillAsked(CLOSED));
    EVENTS.put("drained", new WorkerEvent.Drained());
    EVENTS.put("exits", exited(EXITED));
    EVENTS.put("killed", exited(KILLED));
    EVENTS.put("unknown", exited(new Exit.Unknown("nobody saw it")));
    EVENTS.put("silent", new WorkerEvent.Silenced());
  }

  private static WorkerEvent.Exited exited(Exit exit) {
    return exited(exit, "");
  }

  private static WorkerEvent.Exited exited(Exit exit, String limit) {
    return new WorkerEvent.Exited(exit, "", limit);
  }

  private static WorkerState gone(StopReason reason, Exit exit, String stderr) {
    return new WorkerState.Gone(7, CHANNEL, new WorkerEnd(reason, exit, stderr));
  }

  private static WorkerState ready() {
    return new WorkerState.Ready(7, CHANNEL);
  }

  private static WorkerState after(WorkerState state, WorkerEvent... events) {
    WorkerState now = state;
    for (WorkerEvent event : events) {
      now = WorkerLife.next(now, event);
    }
    return now;
  }

  private static WorkerEnd end(WorkerState state, WorkerEvent... events) {
    return ((WorkerState.Gone) after(state, events)).end();
  }

  /// One row for each state: where which events lead; all others leave it as it is.
  @Test
  void everyPairOfStateAndEventHasOneAnswer() {
    assertThat(table())
        .isEqualTo(
            """
            reserved: starting=spawned gone=spawnFailed,notForked,exits,killed,unknown greeted=hello forced=retire,close,hangsUp,kill
            greeted: ready=spawned gone=spawnFailed,notForked,exits,killed,unknown forced=retire,close,kill greeted=hangsUp
            greeted and hung up: asked=spawned gone=spawnFailed,notForked,exits,killed,unknown forced=retire,close,kill
            starting: ready=hello forced=retire,close,hangsUp,kill exiting=exits gone=killed,unknown
            ready: draining=retire asked=close,hangsUp forced=kill exiting=exits,killed gone=unknown
            draining: asked=close,hangsUp,drained forced=kill exiting=exits,killed gone=unknown
            asked: gone=spawnFailed,notForked,exits,killed,unknown forced=kill
            forced: gone=spawnFailed,notForked,exits,killed,unknown
            exiting: exiting=retire,close gone=kill,silent
            gone: stays
            """);
  }

  private static String table() {
    return STATES.entrySet().stream()
        .map(state -> state.getKey() + ": " + row(state.getValue()) + "\n")
        .collect(Collectors.joining());
  }

  private static String row(WorkerState state) {
    Map<String, String> leads = new LinkedHashMap<>();
    EVENTS.forEach(
        (name, event) -> {
          WorkerState next = WorkerLife.next(state, event);
          if (!next.equals(state)) {
            leads.merge(name(next), name, (all, one) -> all + "," + one);
          }
        });
    return leads.isEmpty()
        ? "stays"
        : leads.entrySet().stream()
            .map(lead -> lead.getKey() + "=" + lead.getValue())
            .collect(Collectors.joining(" "));
  }

  private static String name(WorkerState state) {
    return switch (state) {
      case WorkerState.Reserved _ -> "reserved";
      case WorkerState.Greeted _ -> "greeted";
      case WorkerState.Starting _ -> "starting";
      case WorkerState.Ready _ -> "ready";
      case WorkerState.Draining _ -> "draining";
      case WorkerState.Stopping stopping -> stopping.forced() ? "forced" : "asked";
      case WorkerState.Exiting _ -> "exiting";
      case WorkerState.Gone _ -> "gone";
    };
  }

  @Test
  void aDeathBeforeReadinessIsAFailedStart() {
    var exited = new WorkerEvent.Exited(new Exit.Status(0), "text", "");
    assertThat(end(new WorkerState.Starting(7), exited, new WorkerEvent.Silenced()))
        .isEqualTo(
            new WorkerEnd(
                new StopReason.StartFailed(
                    Reason.WORKER_DIED, "exited with status 0 before it was ready", ""),
                new Exit.Status(0),
                "text"));
  }

  @Test
  void aHelloThatIsReadAfterTheDeathSaysWhyItDidNotStart() {
    var why = new StopReason.StartFailed(Reason.ADAPTER_IMPORT, "no module", "");
    assertThat(end(new WorkerState.Starting(7), exited(EXITED), new WorkerEvent.KillAsked(why)))
        .isEqualTo(new WorkerEnd(why, EXITED, ""));
  }

  @Test
  void aWorkerThatIsReadyAndDiesBeforeThatIsReadHasCrashed() {
    assertThat(
            end(
                new WorkerState.Starting(7),
                exited(EXITED),
                new WorkerEvent.Helloed(CHANNEL),
                new WorkerEvent.Silenced()))
        .isEqualTo(new WorkerEnd(CRASHED, EXITED, ""));
  }

  @Test
  void aLimitThatEndedItIsNamed() {
    WorkerEvent exited = exited(new Exit.Signal(24), "its cpuTime is used up");
    assertThat(end(new WorkerState.Starting(7), exited).reason().detail())
        .isEqualTo("killed by SIGXCPU before it was ready (its cpuTime is used up)");
    assertThat(end(ready(), exited, new WorkerEvent.Silenced()).reason().detail())
        .isEqualTo("its cpuTime is used up");
  }

  @Test
  void theFirstReasonToEndStays() {
    assertThat(after(ready(), new WorkerEvent.KillAsked(LOST), exited(KILLED)))
        .isEqualTo(gone(LOST, KILLED, ""));
  }

  @Test
  void aWorkerThatClosesItsConnectionWhileItExitsHasCrashed() {
    assertThat(after(ready(), new WorkerEvent.StopAsked(LOST), exited(EXITED)))
        .isEqualTo(gone(CRASHED, EXITED, ""));
  }

  /// It may do so before the warden has said that it is there.
  @Test
  void aWorkerThatHangsUpBeforeItsProcessIsKnownIsNeverReady() {
    assertThat(
            after(
                new WorkerState.Reserved(),
                new WorkerEvent.Helloed(CHANNEL),
                new WorkerEvent.StopAsked(LOST),
                new WorkerEvent.Spawned(7)))
        .isEqualTo(new WorkerState.Stopping(7, CHANNEL, LOST, false));
  }

  /// Somebody who is killed for memory while he writes a large result leaves half a frame. Which is
  /// heard of first makes no difference.
  @Test
  void aWorkerThatIsKilledInTheMiddleOfAFrameIsNamedByItsDeath() {
    WorkerEvent killed = exited(KILLED, "killed by the kernel for memory");
    var cut = new WorkerEvent.StopAsked(CUT);
    WorkerState expected =
        gone(
            new StopReason.BrokeProtocol(
                "protocol error: the frame is cut; killed by the kernel for memory"),
            KILLED,
            "");
    assertThat(after(ready(), cut, killed)).isEqualTo(expected);
    assertThat(after(ready(), killed, cut, new WorkerEvent.Silenced())).isEqualTo(expected);
    assertThat(after(ready(), cut, exited(EXITED))).isEqualTo(gone(CUT, EXITED, ""));
  }

  @Test
  void aRetiredWorkerFinishesItsCallsAndIsThenAskedToEnd() {
    WorkerState draining = after(ready(), new WorkerEvent.StopAsked(RETIRED));
    assertThat(draining).isEqualTo(new WorkerState.Draining(7, CHANNEL, RETIRED));
    assertThat(after(draining, new WorkerEvent.Drained(), exited(new Exit.Status(0))))
        .isEqualTo(gone(RETIRED, new Exit.Status(0), ""));
  }

  @Test
  void callersOfARetiredWorkerHearOfTheCloseOnlyWhenThePoolCloses() {
    WorkerState draining = after(ready(), new WorkerEvent.StopAsked(RETIRED));
    assertThat(after(draining, new WorkerEvent.StopAsked(CLOSED)))
        .isEqualTo(new WorkerState.Stopping(7, CHANNEL, CLOSED, false));
    assertThat(after(draining, exited(KILLED), new WorkerEvent.Silenced()))
        .isEqualTo(gone(CRASHED, KILLED, ""));
  }
}
