package dev.terrarium.worker;

import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.Exit;
import dev.terrarium.StartFailedException.Reason;
import dev.terrarium.call.StopReason;
import dev.terrarium.call.WorkerEnd;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

final class WorkerLifeTest {
  private static final StopReason ASKED = new StopReason.PoolClosed("the pool closes");
  private static final StopReason LOST = new StopReason.Disconnected("gone");
  private static final Exit KILLED = new Exit.Signal(9);

  private static final Map<String, WorkerState> STATES = new LinkedHashMap<>();
  private static final Map<String, WorkerEvent> EVENTS = new LinkedHashMap<>();

  static {
    STATES.put("reserved", new WorkerState.Reserved(false));
    STATES.put("early", new WorkerState.Reserved(true));
    STATES.put("starting", new WorkerState.Starting(7));
    STATES.put("ready", new WorkerState.Ready(7));
    STATES.put("asked", new WorkerState.Stopping(ASKED, false));
    STATES.put("forced", new WorkerState.Stopping(ASKED, true));
    STATES.put("gone", gone(ASKED, KILLED, ""));
    EVENTS.put("spawned", new WorkerEvent.Spawned(7));
    EVENTS.put("spawnFailed", new WorkerEvent.SpawnFailed(Reason.SPAWN, "no memory"));
    EVENTS.put("notForked", new WorkerEvent.NotForked("no zygote"));
    EVENTS.put("hello", new WorkerEvent.Helloed());
    EVENTS.put("stop", new WorkerEvent.StopAsked(ASKED));
    EVENTS.put("kill", new WorkerEvent.KillAsked(ASKED));
    EVENTS.put("exited", new WorkerEvent.Exited(KILLED, "", ""));
  }

  @Test
  void everyPairOfStateAndEventHasOneAnswer() {
    assertThat(table())
        .isEqualTo(
            """
            reserved: spawned=starting spawnFailed=gone notForked=gone hello=early stop=forced kill=forced exited=gone
            early: spawned=ready spawnFailed=gone notForked=gone hello=early stop=forced kill=forced exited=gone
            starting: spawned=starting spawnFailed=starting notForked=starting hello=ready stop=forced kill=forced exited=gone
            ready: spawned=ready spawnFailed=ready notForked=ready hello=ready stop=asked kill=forced exited=gone
            asked: spawned=asked spawnFailed=gone notForked=gone hello=asked stop=asked kill=forced exited=gone
            forced: spawned=forced spawnFailed=gone notForked=gone hello=forced stop=forced kill=forced exited=gone
            gone: spawned=gone spawnFailed=gone notForked=gone hello=gone stop=gone kill=gone exited=gone
            """);
  }

  private static WorkerState gone(StopReason reason, Exit exit, String stderr) {
    return new WorkerState.Gone(new WorkerEnd(reason, exit, stderr));
  }

  private static String table() {
    return STATES.entrySet().stream()
        .map(state -> state.getKey() + ": " + row(state.getValue()) + "\n")
        .collect(Collectors.joining());
  }

  private static String row(WorkerState state) {
    return EVENTS.entrySet().stream()
        .map(event -> event.getKey() + "=" + name(WorkerLife.next(state, event.getValue())))
        .collect(Collectors.joining(" "));
  }

  private static String name(WorkerState state) {
    return switch (state) {
      case WorkerState.Reserved(boolean helloed) -> helloed ? "early" : "reserved";
      case WorkerState.Starting _ -> "starting";
      case WorkerState.Ready _ -> "ready";
      case WorkerState.Stopping(StopReason _, boolean forced) -> forced ? "forced" : "asked";
      case WorkerState.Gone _ -> "gone";
    };
  }

  @Test
  void aDeathBeforeReadinessIsAFailedStart() {
    WorkerState after =
        WorkerLife.next(
            new WorkerState.Starting(7), new WorkerEvent.Exited(new Exit.Status(0), "text", ""));

    assertThat(after)
        .isEqualTo(
            gone(
                new StopReason.StartFailed(
                    Reason.WORKER_DIED, "exited with status 0 before it was ready", ""),
                new Exit.Status(0),
                "text"));
  }

  @Test
  void aLimitThatEndedItIsNamed() {
    var exited = new WorkerEvent.Exited(new Exit.Signal(24), "", "its cpuTime is used up");
    WorkerState early = WorkerLife.next(new WorkerState.Starting(7), exited);
    WorkerState late = WorkerLife.next(new WorkerState.Ready(7), exited);

    assertThat(((WorkerState.Gone) early).end().reason().detail())
        .isEqualTo("killed by SIGXCPU before it was ready (its cpuTime is used up)");
    assertThat(((WorkerState.Gone) late).end().reason().detail())
        .isEqualTo("its cpuTime is used up");
  }

  @Test
  void theFirstReasonToEndStays() {
    WorkerState stopping =
        WorkerLife.next(new WorkerState.Ready(7), new WorkerEvent.KillAsked(LOST));
    WorkerState gone = WorkerLife.next(stopping, new WorkerEvent.Exited(KILLED, "", ""));

    assertThat(gone).isEqualTo(gone(LOST, KILLED, ""));
  }

  @Test
  void aWorkerThatClosesItsConnectionWhileItExitsHasCrashed() {
    WorkerState closing =
        WorkerLife.next(new WorkerState.Ready(7), new WorkerEvent.StopAsked(LOST));
    WorkerState gone = WorkerLife.next(closing, new WorkerEvent.Exited(new Exit.Status(3), "", ""));

    assertThat(gone).isEqualTo(gone(new StopReason.Crashed(""), new Exit.Status(3), ""));
  }

  /// Somebody who is killed for memory while he writes a large result leaves half a frame.
  @Test
  void aWorkerThatIsKilledInTheMiddleOfAFrameIsNamedByItsDeath() {
    StopReason cut = new StopReason.BrokeProtocol("protocol error: the frame is cut");
    WorkerState closing = WorkerLife.next(new WorkerState.Ready(7), new WorkerEvent.StopAsked(cut));
    var killed = new WorkerEvent.Exited(KILLED, "", "killed by the kernel for memory");

    assertThat(WorkerLife.next(closing, killed))
        .isEqualTo(
            gone(
                new StopReason.BrokeProtocol(
                    "protocol error: the frame is cut; killed by the kernel for memory"),
                KILLED,
                ""));
    assertThat(WorkerLife.next(closing, new WorkerEvent.Exited(new Exit.Status(3), "", "")))
        .isEqualTo(gone(cut, new Exit.Status(3), ""));
  }
}
