package dev.terrarium.base;

import java.util.Collection;
import java.util.Comparator;
import java.util.Optional;

/// What somebody meant who mistyped a name: a letter too many, too few or wrong, or two that
/// changed places, and one more of these for every four letters from the seventh on. What is
/// further away is another name, and a guess would send people somewhere else: `kill` is not
/// `call`.
public final class NearMiss {
  private static final int LETTERS_PER_SLIP = 4;

  private NearMiss() {}

  /// The nearest of the names, if one is near; of several the first.
  public static Optional<String> of(String word, Collection<String> names) {
    return names.stream()
        .filter(name -> isNear(word, name))
        .min(Comparator.comparingInt(name -> slips(word, name)));
  }

  /// Whether one may be meant by the other.
  public static boolean isNear(String word, String name) {
    int longer = Math.max(word.length(), name.length());
    int allowed = (longer + 1) / LETTERS_PER_SLIP;
    return Math.abs(word.length() - name.length()) <= allowed && slips(word, name) <= allowed;
  }

  /// How many slips lead from one to the other: the optimal string alignment distance.
  static int slips(String a, String b) {
    int[][] slips = new int[a.length() + 1][b.length() + 1];
    for (int i = 0; i <= a.length(); i++) {
      for (int j = 0; j <= b.length(); j++) {
        slips[i][j] = i == 0 || j == 0 ? i + j : least(slips, a, b, i, j);
      }
    }
    return slips[a.length()][b.length()];
  }

  private static int least(int[][] slips, String a, String b, int i, int j) {
    boolean same = a.charAt(i - 1) == b.charAt(j - 1);
    int least =
        Math.min(
            slips[i - 1][j - 1] + (same ? 0 : 1), Math.min(slips[i - 1][j], slips[i][j - 1]) + 1);
    boolean swapped =
        i > 1 && j > 1 && a.charAt(i - 1) == b.charAt(j - 2) && a.charAt(i - 2) == b.charAt(j - 1);
    return swapped ? Math.min(least, slips[i - 2][j - 2] + 1) : least;
  }
}
