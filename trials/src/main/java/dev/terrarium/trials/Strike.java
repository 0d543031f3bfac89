package dev.terrarium.trials;

import dev.terrarium.Start;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/// One kill of the chaos: of whom, when, and what runs there.
///
/// @param millis after `since`
/// @param workers of each pool
record Strike(
    int number,
    Since since,
    int millis,
    Blow blow,
    Start start,
    int workers,
    List<Tenancy> tenancies) {
  private static final int TENANTS_MAX = 4;
  private static final int WORKERS_MAX = 3;

  Strike {
    tenancies = List.copyOf(tenancies);
  }

  /// The same for the same seed, whatever the number: 1,000 begin as 50 do.
  static List<Strike> schedule(long seed, int kills) {
    Random random = new Random(seed);
    List<Strike> strikes = new ArrayList<>();
    for (int number = 0; number < kills; number++) {
      strikes.add(next(number, random));
    }
    return strikes;
  }

  private static Strike next(int number, Random random) {
    Since since = since(random.nextInt(10));
    return new Strike(
        number,
        since,
        random.nextInt(since.millisMax()),
        blow(random.nextInt(10)),
        random.nextInt(10) == 0 ? Start.EXEC : Start.ZYGOTE,
        random.nextInt(1, WORKERS_MAX + 1),
        tenancies(random));
  }

  private static Since since(int die) {
    return die < 2 ? Since.MAIN : die < 7 ? Since.RUN : Since.READY;
  }

  private static Blow blow(int die) {
    return switch (die) {
      case 0 -> Blow.HOST_THEN_WARDEN;
      case 1 -> Blow.WARDEN_THEN_HOST;
      case 2 -> Blow.WARDEN_STOPPED;
      default -> Blow.HOST;
    };
  }

  /// With one more that has a daemon, always.
  private static List<Tenancy> tenancies(Random random) {
    List<Tenancy> tenancies = new ArrayList<>();
    tenancies.add(new Tenancy(State.IDLE, Kin.DAEMON, Fate.WITH_HOST));
    int more = random.nextInt(TENANTS_MAX);
    for (int i = 0; i < more; i++) {
      tenancies.add(
          new Tenancy(one(random, State.values()), one(random, Kin.values()), Fate.WITH_HOST));
    }
    return tenancies;
  }

  private static <T> T one(Random random, T[] all) {
    return all[random.nextInt(all.length)];
  }
}
