package dev.terrarium.orphan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.terrarium.CleanupPolicy;
import dev.terrarium.Ending;
import dev.terrarium.OrphanEnding;
import dev.terrarium.process.AuditLog;
import dev.terrarium.process.Birthmark;
import dev.terrarium.process.ProcessKiller;
import dev.terrarium.process.Signal;
import dev.terrarium.registry.RunDirectory;
import dev.terrarium.testkit.Child;
import dev.terrarium.testkit.Procs;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/// Who is ended, how, and in which order, as the policy says.
final class CleanupByPolicyTest extends CleaningUp {
  @Test
  void asksFirstAndForcesOnlyThoseThatDoNotListen() {
    Birthmark.Choice mark = Birthmark.choose();
    long number = mark.chosen().orElseThrow().run();
    newRun(mark).close();
    try (Child polite = Child.marked(number, 1, "sleep", "1000");
        Child stubborn = deaf(number)) {
      CleanupReport report = clean(CleanupPolicy.defaults().withGrace(Duration.ofMillis(300)));
      assertThat(report.killed()).isEqualTo(2);
      assertThat(forced(report)).containsExactly(stubborn.pid());
      assertThat(signalsFor(polite)).containsExactly(Signal.TERM);
      assertThat(signalsFor(stubborn)).containsExactly(Signal.TERM, Signal.KILL);
    }
  }

  @Test
  void forcesAChildThatIgnoresWhatItsLeaderListensTo() {
    Birthmark.Choice mark = Birthmark.choose();
    long number = mark.chosen().orElseThrow().run();
    newRun(mark).close();
    String family = "sh -c 'trap \"\" TERM; exec sleep 2000' & exec sleep 1000";
    try (Child leader = Child.marked(number, 1, "sh", "-c", family)) {
      await().until(() -> sleepers(number) == 2);
      CleanupReport report = clean(CleanupPolicy.defaults().withGrace(Duration.ofMillis(300)));
      assertThat(report.killed()).isEqualTo(2);
      assertThat(signalsFor(leader)).containsExactly(Signal.TERM);
      assertThat(forced(report)).hasSize(1).doesNotContain(leader.pid());
    }
  }

  private static long sleepers(long mark) {
    return Procs.marked(mark).stream()
        .filter(it -> Procs.command(it.pid()).startsWith("sleep"))
        .count();
  }

  @Test
  void beginsWithTheSignalOfThePolicyOrWithSigkillAtOnce() {
    for (CleanupPolicy policy :
        List.of(
            CleanupPolicy.defaults().withFirstSignal(CleanupPolicy.FirstSignal.INT),
            CleanupPolicy.defaults().withGrace(Duration.ZERO))) {
      Birthmark.Choice mark = Birthmark.choose();
      newRun(mark).close();
      try (Child child = Child.marked(mark.chosen().orElseThrow().run(), 1, "sleep", "1000")) {
        assertThat(clean(policy).killed()).isEqualTo(1);
        Signal wanted = policy.grace().isZero() ? Signal.KILL : Signal.INT;
        assertThat(signalsFor(child)).containsExactly(wanted);
      }
    }
  }

  @Test
  void goesByAgeWhereThePolicySaysSo() {
    Birthmark.Choice mark = Birthmark.choose();
    long number = mark.chosen().orElseThrow().run();
    newRun(mark).close();
    try (Child older = Child.marked(number, 1, "sleep", "1000")) {
      await().until(() -> later(older));
      try (Child younger = Child.marked(number, 1, "sleep", "1000")) {
        clean(CleanupPolicy.defaults().withOrder(CleanupPolicy.Order.NEWEST_FIRST));
        assertThat(audit)
            .extracting(AuditLog.Entry::pid)
            .containsExactly(younger.pid(), older.pid());
      }
    }
  }

  /// A process that starts now has a later tick than this one.
  private static boolean later(Child than) {
    try (Child now = Child.start("sleep", "1000")) {
      return ticks(now) > ticks(than);
    }
  }

  @Test
  void sparesWhomTheVetoSparesAndKeepsTheRun() {
    Birthmark.Choice mark = Birthmark.choose();
    long number = mark.chosen().orElseThrow().run();
    RunDirectory run = newRun(mark);
    run.close();
    try (Child kept = Child.marked(number, 1, "sleep", "1000");
        Child ended = Child.marked(number, 2, "sleep", "1000")) {
      CleanupReport report =
          clean(CleanupPolicy.defaults().withVeto(orphan -> orphan.pid() == kept.pid()));
      assertThat(kept.alive()).isTrue();
      assertThat(ended.alive()).isFalse();
      assertThat(report.left())
          .singleElement()
          .matches(it -> it.process().pid() == kept.pid() && it.isSpared());
      assertThat(run.path()).exists();
      assertThat(signalsFor(kept)).isEmpty();
    }
  }

  /// One that was spared and ended by itself was counted twice: as terminated, and as no error.
  @Test
  void countsOnceWhomTheVetoSparesAndWhoEndsByItself() {
    Birthmark.Choice mark = Birthmark.choose();
    newRun(mark).close();
    try (Child child = Child.marked(mark.chosen().orElseThrow().run(), 1, "sleep", "1000")) {
      CleanupPolicy policy =
          CleanupPolicy.defaults()
              .withVeto(
                  _ -> {
                    child.kill();
                    return true;
                  });
      OrphanDetector.Cleanup cleanup =
          new OrphanDetector(state, new ProcessKiller(audit::add), policy)
              .cleanupOrphanedProcesses();
      assertThat(cleanup.details())
          .extracting(OrphanEnding::ending)
          .containsExactly(new Ending.Dead(false));
      assertThat(cleanup.terminated()).isEqualTo(1);
      assertThat(cleanup.errors()).isZero();
      assertThat(audit).isEmpty();
    }
  }

  @Test
  void sparesWhomAFailingHookWasAskedAbout() {
    Birthmark.Choice mark = Birthmark.choose();
    newRun(mark).close();
    try (Child child = Child.marked(mark.chosen().orElseThrow().run(), 1, "sleep", "1000")) {
      clean(
          CleanupPolicy.defaults()
              .withVeto(
                  _ -> {
                    throw new IllegalStateException("the hook's own mistake");
                  }));
      assertThat(child.alive()).isTrue();
      clean(
          CleanupPolicy.defaults()
              .withVeto(
                  _ -> {
                    throw new AssertionError("the hook's own assertion");
                  }));
      assertThat(child.alive()).isTrue();
    }
  }

  @Test
  void endsOnlyWhatTheAnswerSays() {
    Birthmark.Choice mark = Birthmark.choose();
    long number = mark.chosen().orElseThrow().run();
    newRun(mark).close();
    try (Child no = Child.marked(number, 1, "sleep", "1000");
        Child yes = Child.marked(number, 2, "sleep", "1000")) {
      clean(CleanupPolicy.defaults().asking(orphan -> orphan.pid() == yes.pid()));
      assertThat(no.alive()).isTrue();
      assertThat(yes.alive()).isFalse();
    }
  }

  @Test
  void onlyReportsWhereThePolicySaysSo() {
    Birthmark.Choice mark = Birthmark.choose();
    RunDirectory run = newRun(mark);
    run.close();
    try (Child child = Child.marked(mark.chosen().orElseThrow().run(), 1, "sleep", "1000")) {
      CleanupReport report = clean(CleanupPolicy.defaults().reportOnly());
      assertThat(report.left()).singleElement().matches(it -> it.process().pid() == child.pid());
      assertThat(child.alive()).isTrue();
      assertThat(audit).isEmpty();
      assertThat(run.path()).exists();
    }
  }

  @Test
  void allStubbornOnesShareOneGrace() {
    Birthmark.Choice mark = Birthmark.choose();
    long number = mark.chosen().orElseThrow().run();
    newRun(mark).close();
    String family = "trap '' TERM; for i in $(seq 150); do sleep 1000 & done; echo ready; wait";
    try (Child parent = Child.marked(number, 1, "sh", "-c", family)) {
      await().until(() -> Procs.marked(number).size() > 150);
      CleanupReport report = clean(CleanupPolicy.defaults().withGrace(Duration.ofMillis(200)));
      assertThat(report.killed()).isEqualTo(151);
      assertThat(report.found()).allMatch(it -> it.ending().equals(new Ending.Dead(true)));
      assertThat(parent.alive()).isFalse();
      // Everybody is asked before anybody is forced.
      assertThat(audit.subList(0, 151)).allMatch(entry -> entry.signal() == Signal.TERM);
      assertThat(audit.subList(151, 302)).allMatch(entry -> entry.signal() == Signal.KILL);
    }
  }

  private List<Signal> signalsFor(Child child) {
    return audit.stream()
        .filter(entry -> entry.pid() == child.pid())
        .map(AuditLog.Entry::signal)
        .toList();
  }

  private static List<Long> forced(CleanupReport report) {
    return report.found().stream()
        .filter(it -> it.ending().equals(new Ending.Dead(true)))
        .map(it -> it.process().pid())
        .toList();
  }

  private static Child deaf(long mark) {
    Child child = Child.marked(mark, 1, "sh", "-c", "trap '' TERM; exec sleep 1000");
    await().until(() -> Procs.command(child.pid()).startsWith("sleep"));
    return child;
  }
}
