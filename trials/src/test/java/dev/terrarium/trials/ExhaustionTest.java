package dev.terrarium.trials;

import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.trials.Ordeal.Happening;
import dev.terrarium.trials.OrdealResult.RoundResult;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// One host goes on while heap, threads, descriptors, disk and the log backend run out, and
/// workers, zygote and warden are killed: each shortage in one round at least. An hour of it is
/// `trials/run exhaustion`; `-Dtrials.seed=S` does the same at the same moments again.
final class ExhaustionTest {
  @Test
  @Timeout(600)
  void eachCallerHasOneOutcomeAndThePoolIsWholeAgain() {
    long seed = Long.getLong("trials.seed", new SecureRandom().nextInt(1_000_000_000));
    System.out.println("seed " + seed);
    List<OrdealResult> results =
        Trials.exhaustion(Ordeal.schedule(seed, 1), 1, System.out::println);
    assertThat(results).as("seed %d", seed).hasSize(1).allMatch(OrdealResult::clean);
    assertThat(results.getFirst().rounds()).hasSize(Ordeal.ROUNDS);
    List<Misfortune> possible = new ArrayList<>(Misfortune.SHORTAGES);
    possible.removeAll(results.getFirst().missing());
    assertThat(results.getFirst().rounds())
        .as("seed %d", seed)
        .flatMap(RoundResult::met)
        .containsAll(possible);
  }

  @Test
  void theSameSeedBeginsWithTheSameHostsHoweverManyThereAre() {
    assertThat(Ordeal.schedule(7, 30)).startsWith(Ordeal.schedule(7, 3).toArray(Ordeal[]::new));
    assertThat(Ordeal.schedule(7, 3)).isNotEqualTo(Ordeal.schedule(8, 3));
  }

  @Test
  void eachHostMeetsEverythingWhateverTheSeed() {
    for (long seed = 0; seed < 20; seed++) {
      assertThat(Ordeal.schedule(seed, 20))
          .allSatisfy(
              host ->
                  assertThat(host.rounds())
                      .flatMap(Ordeal.Round::happenings)
                      .extracting(Ordeal.Happening::what)
                      .contains(Misfortune.values()));
    }
  }

  @Test
  void aRoundHasOneToThreeShortagesNoneOfThemTwiceAndOneToThreeKills() {
    assertThat(Ordeal.schedule(1, 50))
        .flatMap(Ordeal::rounds)
        .allSatisfy(
            round -> {
              List<Misfortune> all = round.happenings().stream().map(Happening::what).toList();
              List<Misfortune> scarce = all.stream().filter(it -> !it.isKill()).toList();
              assertThat(scarce).doesNotHaveDuplicates().hasSizeBetween(1, 3);
              assertThat(all.size() - scarce.size()).isBetween(1, 3);
            });
  }
}
