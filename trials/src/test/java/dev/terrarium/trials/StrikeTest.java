package dev.terrarium.trials;

import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.Start;
import java.util.List;
import org.junit.jupiter.api.Test;

final class StrikeTest {
  private static final long SEED = 4_711;

  @Test
  void theSameSeedGivesTheSameSchedule() {
    assertThat(Strike.schedule(SEED, 200)).isEqualTo(Strike.schedule(SEED, 200));
  }

  @Test
  void aLongerScheduleBeginsAsAShorterOne() {
    assertThat(Strike.schedule(SEED, 1_000).subList(0, 50)).isEqualTo(Strike.schedule(SEED, 50));
  }

  @Test
  void anotherSeedGivesAnotherSchedule() {
    assertThat(Strike.schedule(SEED, 50)).isNotEqualTo(Strike.schedule(SEED + 1, 50));
  }

  @Test
  void everythingOccursInAThousandKills() {
    List<Strike> strikes = Strike.schedule(SEED, 1_000);
    assertThat(strikes).extracting(Strike::since).contains(Since.values());
    assertThat(strikes).extracting(Strike::blow).contains(Blow.values());
    assertThat(strikes).extracting(Strike::start).contains(Start.values());
    assertThat(strikes)
        .flatExtracting(Strike::tenancies)
        .extracting(Tenancy::state)
        .contains(State.values());
    assertThat(strikes)
        .flatExtracting(Strike::tenancies)
        .extracting(Tenancy::kin)
        .contains(Kin.values());
  }

  @Test
  void oneOfTheWorkersAlwaysHasADaemon() {
    assertThat(Strike.schedule(SEED, 100))
        .allSatisfy(
            strike -> assertThat(strike.tenancies()).extracting(Tenancy::kin).contains(Kin.DAEMON));
  }
}
