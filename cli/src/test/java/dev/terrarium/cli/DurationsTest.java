package dev.terrarium.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.time.Duration;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine.TypeConversionException;

final class DurationsTest {
  private final Durations durations = new Durations();

  @ParameterizedTest
  @CsvSource({
    "5s, PT5S",
    "300ms, PT0.3S",
    "2m, PT2M",
    "1h, PT1H",
    "1.5s, PT1.5S",
    "0.25ms, PT0.00025S",
    "0s, PT0S",
    "PT5S, PT5S",
    "pt1h30m, PT1H30M",
    "P1D, PT24H",
    "999999999999h, PT999999999999H"
  })
  void areANumberWithItsUnitOrIso(String text, Duration duration) {
    assertThat(durations.convert(text)).isEqualTo(duration);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "5",
        "0",
        "-1s",
        "abc",
        "",
        "s",
        "5 s",
        "5S",
        "5sec",
        ".5s",
        "1e3s",
        "1m30s",
        "-PT5S",
        "PT-5S",
        "PT",
        "P",
        "9999999999999h",
        "+5s",
        "٥s"
      })
  void areNothingElseAndTheErrorSaysWhatIsAccepted(String text) {
    var error = assertThrows(TypeConversionException.class, () -> durations.convert(text));
    assertThat(error)
        .hasMessage(
            "'%s' is no duration; say 300ms, 1.5s, 2m, 1h or, as ISO 8601 has it, PT5S", text);
  }

  @ParameterizedTest
  @ValueSource(strings = {"5s", "300ms", "1500ms", "0.25ms", "0s", "1000000s"})
  void areToldAsTheyCanBeTyped(String text) {
    assertThat(Durations.text(durations.convert(text))).isEqualTo(text);
  }
}
