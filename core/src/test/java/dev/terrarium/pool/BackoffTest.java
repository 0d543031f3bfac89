package dev.terrarium.pool;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class BackoffTest {
  @ParameterizedTest
  @ValueSource(ints = {0, -1})
  void theFirstTryIsNotDelayed(int failures) {
    assertThat(Backoff.after(failures)).isZero();
  }

  @ParameterizedTest
  @CsvSource({"1,100", "2,200", "3,400", "8,12800", "9,25600", "10,30000", "1000,30000"})
  void doublesUpToHalfAMinuteLessUpToAQuarter(int failures, long millis) {
    for (int i = 0; i < 1_000; i++) {
      assertThat(Backoff.after(failures))
          .isBetween(Duration.ofMillis(millis - millis / 4), Duration.ofMillis(millis));
    }
  }

  @RepeatedTest(3)
  void poolsThatFailTogetherDoNotTryTogether() {
    long different =
        java.util.stream.IntStream.range(0, 100)
            .mapToObj(_ -> Backoff.after(10))
            .distinct()
            .count();
    assertThat(different).isGreaterThan(50);
  }

  @Test
  void manyFailuresDoNotOverflow() {
    assertThat(Backoff.after(Integer.MAX_VALUE)).isPositive();
  }
}
