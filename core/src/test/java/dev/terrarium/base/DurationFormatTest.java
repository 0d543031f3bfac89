package dev.terrarium.base;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.time.temporal.ChronoUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class DurationFormatTest {
  @ParameterizedTest
  @CsvSource({
    "PT2S,2 s",
    "PT1.5S,1.5 s",
    "PT0.05S,50 ms",
    "PT1.001S,1001 ms",
    "PT0.0005S,0.5 ms",
    "PT0.000000001S,0.000001 ms",
    "PT0S,0 ms"
  })
  void aDurationIsWrittenAsPeopleWriteIt(Duration duration, String text) {
    assertThat(DurationFormat.of(duration)).isEqualTo(text);
  }

  @Test
  void alsoOneThatIsForEver() {
    assertThat(DurationFormat.of(ChronoUnit.FOREVER.getDuration())).isNotEmpty();
  }
}
