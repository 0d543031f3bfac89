package dev.terrarium.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.terrarium.Ending;
import dev.terrarium.process.ProcessKiller.Escalation;
import dev.terrarium.process.ProcessKiller.Result;
import dev.terrarium.testkit.Child;
import dev.terrarium.testkit.Procs;
import dev.terrarium.testkit.Tracer;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;

final class ProcessKillerTest {
  private static final Duration GRACE = Duration.ofSeconds(10);
  private static final Duration SHORT_GRACE = Duration.ofMillis(100);

  private final List<AuditLog.Entry> audit = new CopyOnWriteArrayList<>();
  private final ProcessKiller killer = new ProcessKiller(audit::add);
  private final Birthmark mark = Birthmark.choose().chosen().orElseThrow();

  @Test
  void sendsASignalAndWritesItDown() {
    try (Child child = Child.start("sleep", "1000")) {
      ProcessIdentity identity = ProcessIdentity.of(child.pid()).orElseThrow();
      assertThat(killer.signal(identity, Signal.TERM, "a test"))
          .isEqualTo(new Result.Sent(Signal.TERM));
      assertThat(child.awaitExit()).isEqualTo(128 + 15);
      AuditLog.Entry entry = audit.getFirst();
      assertThat(audit).hasSize(1);
      assertThat(entry.pid()).isEqualTo(child.pid());
      assertThat(entry.ticks()).isEqualTo(identity.startTicks());
      assertThat(entry.why()).isEqualTo("a test");
      assertThat(entry.outcome()).isEqualTo("sent");
    }
  }

  @Test
  void doesNoHarmToWhoIsDeadAlready() {
    ProcessIdentity identity;
    try (Child child = Child.start("sleep", "1000")) {
      identity = ProcessIdentity.of(child.pid()).orElseThrow();
    }
    assertThat(killer.signal(identity, Signal.KILL, "late")).isInstanceOf(Result.AlreadyDead.class);
    Escalation end = killer.escalate(identity, GRACE, "late");
    assertThat(end.ending()).isEqualTo(new Ending.Dead(false));
  }

  @Test
  void demandsTheBirthmarkOfAProcessThatOnlyLooksLikeOurs() {
    try (Child ours = Child.marked(mark.run(), 1, "sleep", "1000");
        Child stranger = Child.start("sleep", "1000")) {
      assertThat(killer.signal(identity(stranger), mark, Signal.KILL, "test"))
          .isInstanceOf(Result.NotOurs.class);
      assertThat(stranger.alive()).isTrue();
      assertThat(killer.signal(identity(ours), mark, Signal.KILL, "test"))
          .isEqualTo(new Result.Sent(Signal.KILL));
    }
  }

  @Test
  void refusesToHitThisJvmAndTheFirstProcess() {
    assertThat(killer.signal(ProcessIdentity.self(), Signal.KILL, "test"))
        .isInstanceOf(Result.NotOurs.class);
    ProcessIdentity first = ProcessIdentity.of(1).orElseThrow();
    assertThat(killer.signal(first, Signal.TERM, "test")).isInstanceOf(Result.NotOurs.class);
  }

  @Test
  void leavesItAtSigtermWhereThatIsEnough() {
    try (Child child = Child.start("sleep", "1000")) {
      Escalation end = killer.escalate(identity(child), GRACE, "test");
      assertThat(end.ending()).isEqualTo(new Ending.Dead(false));
      assertThat(end.took()).isLessThan(GRACE);
    }
  }

  @Test
  void killsWhatIgnoresSigtermAfterTheGrace() {
    try (Child child = ignoringSigterm()) {
      Escalation end = killer.escalate(identity(child), SHORT_GRACE, "test");
      assertThat(end.ending()).isEqualTo(new Ending.Dead(true));
      assertThat(end.took()).isGreaterThanOrEqualTo(SHORT_GRACE);
      assertThat(audit)
          .extracting(AuditLog.Entry::signal)
          .containsExactly(Signal.TERM, Signal.KILL);
    }
  }

  @Test
  void killsAtOnceWhenInterrupted() {
    try (Child child = ignoringSigterm()) {
      Thread.currentThread().interrupt();
      Escalation end = killer.escalate(identity(child), GRACE, "test");
      assertThat(Thread.interrupted()).isTrue();
      assertThat(end.gone()).isTrue();
      assertThat(end.took()).isLessThan(GRACE);
    }
  }

  @Test
  void killsAStoppedProcess() {
    try (Child child = Child.start("sh", "-c", "kill -STOP $$; sleep 1000")) {
      await().until(() -> ProcFs.stat(child.pid()).orElseThrow().state() == 'T');
      assertThat(killer.escalate(identity(child), SHORT_GRACE, "test").gone()).isTrue();
    }
  }

  /// As in state D. What became of it read "sent".
  @Test
  void saysThatWhatWasSentSigkillIsNotDead() {
    try (Child child = Child.start("sleep", "1000");
        Tracer _ = Tracer.atExitOf(child.pid())) {
      assertThat(killer.escalate(identity(child), Duration.ZERO, "test").ending())
          .isEqualTo(new Ending.Survived("was sent SIGKILL and is not dead after 2000 ms"));
    }
  }

  @Test
  void endsByRunIdOnlyWhatNamesTheRunAndBearsItsMark() {
    RunId run = RunId.generate();
    try (Child both = named(Child::marked, run);
        Child onlyMarked = Child.marked(mark.run(), 1, "sleep", "1000");
        Child otherRun = named(Child::marked, RunId.generate());
        Child onlyNamed = named((_, _, command) -> Child.start(command), run)) {
      List<Escalation> ends = killer.killByRunId(run, mark, GRACE, "test");
      assertThat(ends).singleElement().matches(Escalation::gone);
      assertThat(both.alive()).isFalse();
      assertThat(List.of(onlyMarked, otherRun, onlyNamed)).allMatch(Child::alive);
    }
  }

  private interface Starter {
    Child start(long run, long worker, String... command);
  }

  /// A process that has a run id on its command line and does not look at it.
  private Child named(Starter starter, RunId run) {
    String idle = "import time; time.sleep(1000)";
    Child child =
        starter.start(mark.run(), 1, "python3", "-c", idle, "--snakepit-run-id", run.value());
    // The launcher of a version manager may stand in between.
    await().until(() -> RunId.findIn(ProcFs.commandLine(child.pid())).isPresent());
    return child;
  }

  @Test
  void signalsTheMembersOfAGroupThatAreOurs() {
    String family = "sleep 1000 & sleep 1000 & exec sleep 1000";
    try (Child ours = Child.marked(mark.run(), 1, "setsid", "sh", "-c", family);
        Child stranger = Child.start("sleep", "1000")) {
      await().until(() -> sleepers() == 3);
      assertThat(killer.signalGroup(ours.pid(), new Birthmark(mark.run() - 1), Signal.KILL, "test"))
          .isEmpty();
      assertThat(killer.signalGroup(ours.pid(), mark, Signal.KILL, "test"))
          .hasSize(3)
          .containsOnly(new Result.Sent(Signal.KILL));
      await().until(() -> sleepers() == 0);
      assertThat(stranger.alive()).isTrue();
    }
  }

  private long sleepers() {
    return Procs.marked(mark.run()).stream()
        .filter(it -> Procs.command(it.pid()).startsWith("sleep"))
        .count();
  }

  static Child ignoringSigterm() {
    Child child = Child.start("sh", "-c", "trap '' TERM; exec sleep 1000");
    await().until(() -> ProcFs.commandLine(child.pid()).contains("1000"));
    return child;
  }

  static ProcessIdentity identity(Child child) {
    return ProcessIdentity.of(child.pid()).orElseThrow();
  }
}
