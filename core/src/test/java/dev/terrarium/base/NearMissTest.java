package dev.terrarium.base;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class NearMissTest {
  @ParameterizedTest
  @CsvSource({
    "kil, kill",
    "killl, kill",
    "kitl, kill",
    "klil, kill",
    "rn, run",
    "stauts, status",
    "verison, version",
    "orfans, orphans",
    "dryrun, dry-run",
    "kill, kill"
  })
  void isASlipOrTwo(String word, String name) {
    assertThat(NearMiss.isNear(word, name)).isTrue();
    assertThat(NearMiss.isNear(name, word)).isTrue();
  }

  @ParameterizedTest
  @CsvSource({
    "kill, call",
    "each, echo",
    "stop, tools",
    "factor, doctor",
    "x, v",
    "ls, list",
    "'', run",
    "start, status",
    "revision, version"
  })
  void isNotAnotherName(String word, String name) {
    assertThat(NearMiss.isNear(word, name)).isFalse();
    assertThat(NearMiss.isNear(name, word)).isFalse();
  }

  @Test
  void isTheNearestAndOfSeveralTheFirst() {
    assertThat(NearMiss.of("runn", List.of("ruin", "rung", "run"))).contains("ruin");
    assertThat(NearMiss.of("rung", List.of("runs", "run", "rung"))).contains("rung");
    assertThat(NearMiss.of("kill", List.of("call", "tools"))).isEmpty();
  }
}
