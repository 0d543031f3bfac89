package dev.terrarium.trials;

import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.Start;
import dev.terrarium.trials.Trial.Cell;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

final class TrialTest {
  private static final int ENDINGS = 11;
  private static final int STATES = 10;
  private static final int KINDS = 9;

  @Test
  void theMatrixHasAllValuesOfTheIssue() {
    assertThat(Ending.values()).hasSize(ENDINGS);
    assertThat(State.values()).hasSize(STATES);
    assertThat(Kin.values()).hasSize(KINDS);
  }

  @Test
  void theFullMatrixHasEveryCellOnce() {
    assertThat(Trial.full()).hasSize(ENDINGS * KINDS);
    assertThat(cells(Trial.full())).hasSize(ENDINGS * STATES * KINDS).doesNotHaveDuplicates();
  }

  @Test
  void theSampleCoversAllPairs() {
    List<Trial> sample = Trial.pairs(Start.ZYGOTE);
    assertThat(sample).hasSize(ENDINGS);
    assertThat(pairs(sample))
        .hasSize(ENDINGS * STATES + ENDINGS * KINDS + STATES * KINDS)
        .isEqualTo(pairs(Trial.full()));
  }

  @Test
  void aSampleThatLacksAPairIsNoticed() {
    List<Trial> sample = new ArrayList<>(Trial.pairs(Start.ZYGOTE));
    sample.removeLast();
    assertThat(pairs(sample)).isNotEqualTo(pairs(Trial.full()));
  }

  @Test
  void aWorkerThatEndsAloneMeetsEachOfItsFates() {
    Set<String> met = new HashSet<>();
    Trial.full().stream()
        .filter(trial -> trial.ending() == Ending.WORKER)
        .flatMap(trial -> trial.tenancies().stream())
        .forEach(tenancy -> met.add(tenancy.state() + " " + tenancy.fate()));
    for (State state : State.values()) {
      assertThat(met).containsAll(state.fates().stream().map(it -> state + " " + it).toList());
    }
  }

  @Test
  void ordersReachTheHostAsTheyWereGiven() {
    for (Tenancy tenancy : Trial.full().getLast().tenancies()) {
      assertThat(Tenancy.parse(tenancy.toString())).isEqualTo(tenancy);
    }
  }

  private static List<Cell> cells(List<Trial> trials) {
    return trials.stream().flatMap(trial -> trial.cells().stream()).toList();
  }

  /// Every two values that occur together.
  private static Set<String> pairs(List<Trial> trials) {
    Set<String> pairs = new HashSet<>();
    for (Cell cell : cells(trials)) {
      pairs.add(cell.ending() + " " + cell.state());
      pairs.add(cell.ending() + " " + cell.kin());
      pairs.add(cell.state() + " " + cell.kin());
    }
    return pairs;
  }
}
