package dev.terrarium.base;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Locale;
import org.junit.jupiter.api.Test;

final class CountTest {
  @Test
  void oneIsOneAndAllElseIsSeveral() {
    assertThat(Count.of(1, "process", "processes")).isEqualTo("1 process");
    assertThat(Count.of(0, "process", "processes")).isEqualTo("0 processes");
    assertThat(Count.of(2, "process", "processes")).isEqualTo("2 processes");
    assertThat(Count.of(1_000, "process", "processes")).isEqualTo("1000 processes");
  }

  @Test
  void largeNumbersAreGroupedForPeopleAlikeEverywhere() {
    Locale before = Locale.getDefault(Locale.Category.FORMAT);
    Locale.setDefault(Locale.Category.FORMAT, Locale.GERMANY);
    try {
      assertThat(Count.grouped(1_000, "line", "lines")).isEqualTo("1,000 lines");
      assertThat(Count.grouped(1, "line", "lines")).isEqualTo("1 line");
    } finally {
      Locale.setDefault(Locale.Category.FORMAT, before);
    }
  }
}
