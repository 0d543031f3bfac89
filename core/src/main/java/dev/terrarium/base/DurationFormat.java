package dev.terrarium.base;

import java.math.BigDecimal;
import java.time.Duration;

/// Numbers as people write them.
public final class DurationFormat {
  private DurationFormat() {}

  /// `2 s`, `1.5 s`, `50 ms`, `0.001 ms`.
  public static String of(Duration duration) {
    long millis = Durations.millis(duration);
    if (millis == 0) {
      return BigDecimal.valueOf(duration.toNanos(), 6).stripTrailingZeros().toPlainString() + " ms";
    }
    if (millis < 1_000 || millis % 100 != 0) {
      return millis + " ms";
    }
    return (millis % 1_000 == 0 ? String.valueOf(millis / 1_000) : String.valueOf(millis / 1_000.0))
        + " s";
  }
}
