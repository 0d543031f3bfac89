package dev.terrarium.trials;

import static org.assertj.core.api.Assertions.assertThat;

import java.security.SecureRandom;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// One host goes on while heap, threads, descriptors, disk and the log backend run out, and
/// workers, zygote and warden are killed. An hour of it is `trials/run exhaustion`;
/// `-Dtrials.seed=S` does the same at the same moments again.
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
  }

  @Test
  void theSameSeedBeginsWithTheSameHostsHoweverManyThereAre() {
    assertThat(Ordeal.schedule(7, 30)).startsWith(Ordeal.schedule(7, 3).toArray(Ordeal[]::new));
    assertThat(Ordeal.schedule(7, 3)).isNotEqualTo(Ordeal.schedule(8, 3));
  }

  @Test
  void everythingHappensSoonerOrLater() {
    assertThat(Ordeal.schedule(1, 20))
        .flatMap(Ordeal::rounds)
        .flatMap(Ordeal.Round::happenings)
        .extracting(Ordeal.Happening::what)
        .contains(Misfortune.values());
  }
}
