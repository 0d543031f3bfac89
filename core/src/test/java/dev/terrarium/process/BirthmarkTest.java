package dev.terrarium.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.awaitility.Awaitility.await;

import dev.terrarium.process.Birthmark.Choice;
import dev.terrarium.process.Birthmark.Mark;
import dev.terrarium.testkit.Child;
import dev.terrarium.testkit.Procs;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

final class BirthmarkTest {
  private static final long LOW = 1L << 60;

  @Test
  void isRandomAndInRange() {
    Birthmark first = Birthmark.choose().chosen().orElseThrow();
    Birthmark second = Birthmark.choose().chosen().orElseThrow();
    assertThat(first).isNotEqualTo(second);
    assertThat(first.run()).isBetween(LOW + 1, 2 * LOW - 1);
  }

  @Test
  void ofANestedRuntimeIsBelowTheOuterOne() {
    long outer = LOW + (1L << 50);
    for (int i = 0; i < 100; i++) {
      Birthmark inner = Birthmark.chooseBelow(OptionalLong.of(outer)).chosen().orElseThrow();
      assertThat(inner.run()).isGreaterThan(LOW).isLessThan(outer);
    }
  }

  @Test
  void hasNoRoomUnderSomebodysRealLimit() {
    Choice choice = Birthmark.chooseBelow(OptionalLong.of(200_000));
    assertThat(choice).isInstanceOf(Choice.Unavailable.class);
    assertThat(choice.chosen()).isEmpty();
    assertThat(((Choice.Unavailable) choice).reason()).contains("200000", "RLIMIT_RTTIME");
  }

  @Test
  void hasNoRoomJustAboveTheLowestNumber() {
    assertThat(Birthmark.chooseBelow(OptionalLong.of(LOW + 2)).chosen()).isEmpty();
  }

  @Test
  void refusesNumbersThatCouldBeAnybodys() {
    assertThatIllegalArgumentException().isThrownBy(() -> new Birthmark(LOW));
    assertThatIllegalArgumentException().isThrownBy(() -> new Birthmark(2 * LOW));
  }

  @Test
  void isReadFromAProcessWithTheWorkersNumber() {
    Birthmark mark = Birthmark.choose().chosen().orElseThrow();
    try (Child child = Child.marked(mark.run(), 42, "sleep", "1000")) {
      assertThat(Birthmark.of(child.pid())).contains(new Mark(mark.run(), 42));
      assertThat(mark.bears(child.pid())).isTrue();
      assertThat(Birthmark.choose().chosen().orElseThrow().bears(child.pid())).isFalse();
    }
  }

  @Test
  void isNotBorneByAStrangerOrByNobody() {
    Birthmark mark = Birthmark.choose().chosen().orElseThrow();
    assertThat(mark.bears(ProcFs.ownPid())).isFalse();
    assertThat(mark.bears(1)).isFalse();
    assertThat(Birthmark.of(1L << 30)).isEmpty();
  }

  @Test
  void survivesADaemonWithAnEmptyEnvironment() {
    Birthmark mark = Birthmark.choose().chosen().orElseThrow();
    String daemon = "setsid env -i /bin/sh -c '/bin/sleep 1000 & exit' & exit";
    try (Child child = Child.marked(mark.run(), 1, "sh", "-c", daemon)) {
      child.awaitExit();
      await()
          .untilAsserted(
              () ->
                  assertThat(Procs.marked(mark.run()))
                      .singleElement()
                      .matches(it -> Procs.command(it.pid()).equals("/bin/sleep 1000")));
      new ProcessKiller(_ -> {}).sweep(mark, "end of test", ProcessKiller.DEATH_WAIT);
    }
  }

  @Test
  void readsTheLineOfTheLimitsOnly() {
    String line = "Max realtime timeout      %s %s us        \n";
    assertThat(Birthmark.parse(line.formatted("unlimited", "unlimited"))).isEmpty();
    assertThat(Birthmark.parse(line.formatted("200000", "200000"))).isEmpty();
    assertThat(Birthmark.parse(line.formatted(LOW, LOW))).isEmpty();
    assertThat(Birthmark.parse(line.formatted(2 * LOW, 2 * LOW))).isEmpty();
    assertThat(Birthmark.parse(line.formatted("1", "18446744073709551614"))).isEmpty();
    assertThat(Birthmark.parse("Max cpu time  " + (LOW + 5) + "  " + (LOW + 9) + " s\n")).isEmpty();
    assertThat(Birthmark.parse(line.formatted(LOW + 5, LOW + 9))).contains(new Mark(LOW + 9, 4));
  }
}
