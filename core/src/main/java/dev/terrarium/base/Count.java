package dev.terrarium.base;

import java.util.Locale;

/// A number and what it counts, as a sentence says it.
public final class Count {
  private Count() {}

  /// `1 process`, `3 processes`, `1000 processes`: for logs, which programs read as well.
  public static String of(long number, String one, String several) {
    return number + " " + noun(number, one, several);
  }

  /// `1 process`, `1,000 processes`, in every locale: for people at a terminal.
  public static String grouped(long number, String one, String several) {
    return String.format(Locale.ROOT, "%,d %s", number, noun(number, one, several));
  }

  private static String noun(long number, String one, String several) {
    return number == 1 ? one : several;
  }
}
