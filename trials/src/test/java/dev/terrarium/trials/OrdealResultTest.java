package dev.terrarium.trials;

import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.trials.Ordeal.Happening;
import dev.terrarium.trials.OrdealResult.RoundResult;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

final class OrdealResultTest {
  private static final Ordeal.Round ROUND =
      new Ordeal.Round(
          2,
          List.of(
              new Happening(Misfortune.THREADS, 600, 900, 0),
              new Happening(Misfortune.WORKER, 700, 0, 5)));

  private static OrdealResult result(List<Misfortune> met, Map<String, Integer> outcomes) {
    var round = new RoundResult(ROUND, met, outcomes, 0, 0, List.of(), 250);
    return new OrdealResult(1, List.of(round), 6, List.of(), List.of(), "");
  }

  @Test
  void isCleanWhereTheShortageWasMetAndCallersWereServed() {
    assertThat(result(List.of(Misfortune.THREADS), Map.of("VALUE", 700, "ERROR", 300)))
        .returns(true, OrdealResult::clean)
        .returns(List.of(), OrdealResult::reasons);
  }

  @Test
  void isNotHeldWhereNobodyWasServed() {
    for (String outcome : List.of("ERROR", "MEMORY", "DEADLINE")) {
      assertThat(result(List.of(Misfortune.THREADS), Map.of("VALUE", 0, outcome, 1_000)))
          .returns(false, OrdealResult::clean)
          .returns(
              List.of("round 2: 0 callers had a value, fewer than " + RoundResult.VALUES_MIN),
              OrdealResult::reasons);
    }
  }

  @Test
  void isNotHeldWhereTheShortageDidNotHappen() {
    assertThat(result(List.of(Misfortune.WORKER), Map.of("VALUE", 1_000)))
        .returns(false, OrdealResult::clean)
        .returns(List.of("not met: " + Misfortune.THREADS.words()), OrdealResult::reasons);
  }

  @Test
  void whatCannotHappenOnThisMachineIsNotAskedFor() {
    assertThat(ROUND.without(List.of(Misfortune.THREADS)).happenings())
        .extracting(Happening::what)
        .containsExactly(Misfortune.WORKER);
  }
}
