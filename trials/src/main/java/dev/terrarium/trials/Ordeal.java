package dev.terrarium.trials;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Random;

/// What one host goes through, in rounds: in each 1,000 callers make one call, while all that is
/// listed happens. Each host meets each shortage and each kill, in whichever round; all else is
/// random.
record Ordeal(int number, List<Round> rounds) {
  /// Rounds to a host: it is to live long enough for what the first ones did to it to matter.
  static final int ROUNDS = 4;

  /// When the last call of a round is made, and the last thing happens.
  static final int WINDOW_MILLIS = 6_000;

  private static final int FIRST_MILLIS = 500;
  private static final int SHORTEST_MILLIS = 300;
  private static final int LONGEST_MILLIS = 4_000;
  private static final int MOST_AT_ONCE = 3;
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

    /// As far as it can happen.
    Round without(List<Misfortune> missing) {
      return new Round(
          number, happenings.stream().filter(it -> !missing.contains(it.what())).toList());
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
      List<List<Misfortune>> scarce = deal(Misfortune.SHORTAGES, random);
      List<List<Misfortune>> kills = deal(KILLS, random);
      List<Round> rounds = new ArrayList<>();
      for (int round = 0; round < ROUNDS; round++) {
        rounds.add(new Round(round, happenings(scarce.get(round), kills.get(round), random)));
      }
      ordeals.add(new Ordeal(number, rounds));
    }
    return ordeals;
  }

  /// Deals all of them out to the rounds of a host, and fills each round up to one to three.
  private static List<List<Misfortune>> deal(List<Misfortune> all, Random random) {
    List<List<Misfortune>> rounds = new ArrayList<>();
    for (int round = 0; round < ROUNDS; round++) {
      rounds.add(new ArrayList<>());
    }
    List<Misfortune> mixed = new ArrayList<>(all);
    Collections.shuffle(mixed, random);
    for (int i = 0; i < mixed.size(); i++) {
      rounds.get(i % ROUNDS).add(mixed.get(i));
    }
    for (List<Misfortune> dealt : rounds) {
      List<Misfortune> others = new ArrayList<>(all);
      dealt.forEach(others::remove);
      for (int most = random.nextInt(1, MOST_AT_ONCE + 1); dealt.size() < most; ) {
        dealt.add(others.remove(random.nextInt(others.size())));
      }
    }
    return rounds;
  }

  private static List<Happening> happenings(
      List<Misfortune> scarce, List<Misfortune> kills, Random random) {
    List<Happening> all = new ArrayList<>();
    for (Misfortune what : scarce) {
      int lasting = random.nextInt(SHORTEST_MILLIS, LONGEST_MILLIS);
      all.add(new Happening(what, moment(random), lasting, 0));
    }
    for (Misfortune what : kills) {
      all.add(new Happening(what, moment(random), 0, random.nextInt(1_000)));
    }
    all.sort(Comparator.comparingInt(Happening::at));
    return all;
  }

  private static int moment(Random random) {
    return random.nextInt(FIRST_MILLIS, WINDOW_MILLIS);
  }
}
