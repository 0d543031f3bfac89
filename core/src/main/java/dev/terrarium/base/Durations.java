package dev.terrarium.base;

import java.time.Duration;

/// Durations as numbers. Users say "never" as centuries, or as `ChronoUnit.FOREVER`: of those there
/// are more nanoseconds than a `long` holds.
public final class Durations {
  /// What is longer counts as this: 73 years. Twice as much can be added to `System.nanoTime()`,
  /// and compared with it by difference.
  static final Duration LONGEST = Duration.ofNanos(Long.MAX_VALUE / 4);

  private Durations() {}

  /// The same, or [#LONGEST].
  public static Duration limited(Duration duration) {
    return duration.compareTo(LONGEST) > 0 ? LONGEST : duration;
  }

  public static long nanos(Duration duration) {
    return limited(duration).toNanos();
  }

  /// Rounded down.
  public static long millis(Duration duration) {
    return limited(duration).toMillis();
  }
}
