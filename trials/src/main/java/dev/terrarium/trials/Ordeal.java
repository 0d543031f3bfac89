package dev.terrarium.trials;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Random;

/// What one host goes through, in rounds: in each 1,000 callers make one call, while all that is
/// listed happens.
record Ordeal(int number, List<Round> rounds) {
  /// Rounds to a host: it is to live long enough for what the first ones did to it to matter.
  static final int ROUNDS = 4;

  /// When the last call of a round is made, and the last thing happens.
  static final int WINDOW_MILLIS = 6_000;

  private static final int FIRST_MILLIS = 500;
  private static final int SHORTEST_MILLIS = 300;
  private static final int LONGEST_MILLIS = 4_000;
  private static final List<Misfortune> SCARCE =
      List.of(
          Misfortune.HEAP,
          Misfortune.THREADS,
          Misfortune.DESCRIPTORS,
          Misfortune.DISK,
          Misfortune.LOG);
  private static final List<Misfortune> KILLS =
      List.of(Misfortune.WORKER, Misfortune.WORKER, Misfortune.ZYGOTE, Misfortune.WARDEN);

  Ordeal {
    rounds = List.copyOf(rounds);
  }

  /// @param happenings in the order in which they begin
  record Round(int number, List<Happening> happenings) {
    Round {
      happenings = List.copyOf(happenings);
    }
  }

  /// @param at milliseconds after the round's begin
  /// @param lasting milliseconds; 0 for a kill
  /// @param die who is meant where there are several
  record Happening(Misfortune what, int at, int lasting, int die) {}

  /// About one host a minute; the same for the same seed, whatever the number.
  static List<Ordeal> schedule(long seed, int minutes) {
    var random = new Random(seed);
    List<Ordeal> ordeals = new ArrayList<>();
    for (int number = 0; number < minutes; number++) {
      List<Round> rounds = new ArrayList<>();
      for (int round = 0; round < ROUNDS; round++) {
        rounds.add(new Round(round, happenings(random)));
      }
      ordeals.add(new Ordeal(number, rounds));
    }
    return ordeals;
  }

  private static List<Happening> happenings(Random random) {
    List<Happening> all = new ArrayList<>();
    List<Misfortune> scarce = new ArrayList<>(SCARCE);
    for (int i = random.nextInt(1, 4); i > 0; i--) {
      Misfortune what = scarce.remove(random.nextInt(scarce.size()));
      int lasting = random.nextInt(SHORTEST_MILLIS, LONGEST_MILLIS);
      all.add(new Happening(what, moment(random), lasting, 0));
    }
    for (int i = random.nextInt(1, 4); i > 0; i--) {
      Misfortune what = KILLS.get(random.nextInt(KILLS.size()));
      all.add(new Happening(what, moment(random), 0, random.nextInt(1_000)));
    }
    all.sort(Comparator.comparingInt(Happening::at));
    return all;
  }

  private static int moment(Random random) {
    return random.nextInt(FIRST_MILLIS, WINDOW_MILLIS);
  }
}
