package dev.terrarium.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.terrarium.testkit.Child;
import dev.terrarium.testkit.Procs;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;

final class SweepTest {
  private static final Duration TIMEOUT = Duration.ofSeconds(10);

  private final List<AuditLog.Entry> audit = new CopyOnWriteArrayList<>();
  private final ProcessKiller killer = new ProcessKiller(audit::add);
  private final Birthmark mark = Birthmark.choose().chosen().orElseThrow();

  @Test
  void killsEverythingThatBearsTheNumberHoweverDetached() {
    String family =
        """
        trap '' TERM
        sleep 1000 & setsid sleep 1000 & (setsid env -i /bin/sh -c '/bin/sleep 1000 & exec /bin/sleep 1000' &)
        exec sleep 1000
        """;
    try (Child child = Child.marked(mark.run(), 3, "sh", "-c", family)) {
      await().until(() -> sleeping() == 5);
      SweepReport report = killer.sweep(mark, "test", TIMEOUT);
      assertThat(Procs.marked(mark.run())).isEmpty();
      assertThat(child.alive()).isFalse();
      assertThat(report.found()).hasSize(5);
      assertThat(report.killed()).isEqualTo(5);
      assertThat(report.clear()).isTrue();
      assertThat(report.found()).allMatch(it -> it.bearer().mark().worker() == 3);
      assertThat(audit).hasSize(5).allMatch(it -> it.outcome().equals("sent"));
    }
  }

  @Test
  void doesNotTouchAStrangerWithTheSameCommandLine() {
    try (Child stranger = Child.start("sleep", "1000", "1000");
        Child neighbour = Child.marked(mark.run() - 1, 1, "sleep", "1000", "1000");
        Child ours = Child.marked(mark.run(), 1, "sleep", "1000", "1000")) {
      SweepReport report = killer.sweep(mark, "test", TIMEOUT);
      assertThat(report.found())
          .singleElement()
          .matches(it -> it.bearer().identity().pid() == ours.pid());
      assertThat(stranger.alive()).isTrue();
      assertThat(neighbour.alive()).isTrue();
    }
  }

  @Test
  void sweepsSeveralRunsInOnePass() {
    var other = new Birthmark(mark.run() - 1);
    try (Child first = Child.marked(mark.run(), 1, "sleep", "1000");
        Child second = Child.marked(other.run(), 1, "sleep", "1000")) {
      SweepReport report = killer.sweep(Set.of(mark, other), "test", SweepPolicy.AT_ONCE, TIMEOUT);
      assertThat(report.killed()).isEqualTo(2);
      assertThat(report.of(mark).found())
          .singleElement()
          .matches(it -> it.bearer().identity().pid() == first.pid());
      assertThat(second.alive()).isFalse();
    }
  }

  @Test
  void sweepsOneRealmAndLeavesTheOthers() {
    Realm swept = new Realm(7);
    try (Child warden = Child.marked(mark.run(), swept.warden(), "sleep", "1000");
        Child worker = Child.marked(mark.run(), swept.worker(3), "sleep", "1000");
        Child common = Child.marked(mark.run(), Realm.COMMON.worker(3), "sleep", "1000");
        Child other = Child.marked(mark.run(), new Realm(8).worker(3), "sleep", "1000")) {
      SweepReport report = killer.sweep(mark, swept::equals, "test", TIMEOUT);
      assertThat(report.killed()).isEqualTo(2);
      assertThat(warden.alive() || worker.alive()).isFalse();
      assertThat(common.alive() && other.alive()).isTrue();
      assertThat(report.found())
          .filteredOn(it -> it.bearer().mark().isWarden())
          .singleElement()
          .matches(it -> it.bearer().identity().pid() == warden.pid());
    }
  }

  @Test
  void findsNothingWhereNothingIs() {
    SweepReport report = killer.sweep(mark, "test", TIMEOUT);
    assertThat(report.clear()).isTrue();
    assertThat(report.found()).isEmpty();
    assertThat(audit).isEmpty();
  }

  @Test
  void catchesChildrenThatAreBornMeanwhile() {
    String breeder = "while :; do setsid sleep 1000 & sleep 0.005; done";
    try (Child child = Child.marked(mark.run(), 1, "sh", "-c", breeder)) {
      await().until(() -> sleeping() > 5);
      assertThat(killer.sweep(mark, "test", TIMEOUT).clear()).isTrue();
      assertThat(Procs.marked(mark.run())).isEmpty();
      assertThat(child.alive()).isFalse();
    }
  }

  @Test
  void saysWhenTheTimeWasUp() {
    SweepReport report = killer.sweep(mark, "test", Duration.ZERO);
    assertThat(report.complete()).isFalse();
    assertThat(report.clear()).isFalse();
  }

  private long sleeping() {
    return Procs.marked(mark.run()).stream()
        .filter(it -> Procs.command(it.pid()).endsWith("sleep 1000"))
        .count();
  }
}
