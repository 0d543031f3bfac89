package dev.terrarium.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class RunIdTest {
  private static final RunId ID = RunId.parse("s59m65f");

  @Test
  void isSevenCharactersOfBase36() {
    assertThat(RunId.generate().value()).matches("[0-9a-z]{7}");
  }

  @Test
  void doesNotRepeatItself() {
    var ids = Stream.generate(RunId::generate).limit(1000).collect(Collectors.toSet());
    assertThat(ids).hasSize(1000);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "s59m65", "s59m65ff", "S59M65F", "s59m-5f", "s59m65f\n"})
  void refusesWhatIsNone(String text) {
    assertThat(RunId.isValid(text)).isFalse();
    assertThatIllegalArgumentException().isThrownBy(() -> RunId.parse(text));
  }

  @Test
  void isFoundBehindEitherFlag() {
    assertThat(RunId.findIn(List.of("python3", "x.py", "--snakepit-run-id", "s59m65f")))
        .contains(ID);
    assertThat(RunId.findIn(List.of("python3", "--run-id", "s59m65f", "x"))).contains(ID);
    assertThat(RunId.findIn(List.of("python3", "--snakepit-run-id=s59m65f"))).contains(ID);
    assertThat(RunId.findIn(List.of("python3", "--run-id=s59m65f"))).contains(ID);
  }

  @Test
  void isNeverFoundInPartOfAnArgument() {
    assertThat(RunId.findIn(List.of("--run-id", "s59m65fg"))).isEmpty();
    assertThat(RunId.findIn(List.of("--run-id s59m65f"))).isEmpty();
    assertThat(RunId.findIn(List.of("--not-run-id", "s59m65f"))).isEmpty();
    assertThat(RunId.findIn(List.of("s59m65f"))).isEmpty();
    assertThat(RunId.findIn(List.of("--run-id"))).isEmpty();
    assertThat(RunId.findIn(List.of())).isEmpty();
  }
}
