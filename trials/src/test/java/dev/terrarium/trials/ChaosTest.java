package dev.terrarium.trials;

import static org.assertj.core.api.Assertions.assertThat;

import java.security.SecureRandom;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// Hosts are killed at random moments, beside strangers that look like theirs. A thousand of them
/// is `trials/run chaos`; `-Dtrials.seed=S` gives the same moments again.
final class ChaosTest {
  private static final int KILLS = 50;

  @Test
  @Timeout(600)
  void nobodyIsLeftAndNobodyIsHurt() {
    long seed = Long.getLong("trials.seed", new SecureRandom().nextInt(1_000_000_000));
    System.out.println("seed " + seed);
    List<ChaosResult> results =
        Trials.chaos(Strike.schedule(seed, KILLS), Trials.LANES, ChaosTest::say);
    assertThat(results).as("seed %d", seed).hasSize(KILLS).allMatch(ChaosResult::clean);
    assertThat(results).anySatisfy(it -> assertThat(it.processes()).isGreaterThan(5));
  }

  private static void say(ChaosResult result) {
    System.out.printf(
        "kill %d, %s, %s: %d processes, %d left for the next start, %.0f ms %s%n",
        result.number(),
        result.since(),
        result.blow(),
        result.processes(),
        result.left(),
        result.millis(),
        result.clean() ? "" : result);
  }
}
