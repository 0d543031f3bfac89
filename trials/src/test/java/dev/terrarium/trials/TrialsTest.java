package dev.terrarium.trials;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.terrarium.trials.Trials.Options;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

final class TrialsTest {
  @Test
  void theCommandLineIsRead() {
    Options options = Options.parse("chaos", "--kills", "7", "--seed", "9", "--lanes", "3");
    assertThat(options.matrix()).isFalse();
    assertThat(options.kills()).isEqualTo(7);
    assertThat(options.lanes()).isEqualTo(3);
    assertThat(options.command()).isEqualTo("trials/run chaos --kills 7 --seed 9");
    assertThat(Options.parse("matrix").command()).isEqualTo("trials/run matrix");
  }

  @Test
  void aSeedIsChosenWhereNoneIsGiven() {
    assertThat(Options.parse("chaos").seed()).isNotEqualTo(Options.parse("chaos").seed());
  }

  @Test
  void wrongUseIsRefused() {
    assertThatIllegalArgumentException().isThrownBy(() -> Options.parse("riot"));
    assertThatIllegalArgumentException().isThrownBy(() -> Options.parse("chaos", "--kills"));
    assertThatIllegalArgumentException().isThrownBy(() -> Options.parse("chaos", "--kills", "x"));
    assertThatIllegalArgumentException().isThrownBy(() -> Options.parse("matrix", "--fast"));
  }

  @Test
  void lanesGiveTheResultsInTheOrderOfTheItems() {
    List<Integer> items = IntStream.range(0, 100).boxed().toList();
    var told = new ConcurrentLinkedQueue<Integer>();
    List<Integer> results = Lanes.run(items, 3, () -> item -> item * 2, told::add);
    assertThat(results).isEqualTo(items.stream().map(it -> it * 2).toList());
    assertThat(told).containsExactlyInAnyOrderElementsOf(results);
  }
}
