package dev.terrarium.pool;

import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;

/// How long to wait before the next try: nothing the first time, then 100 ms doubling to 30 s, up
/// to a quarter less so that pools which fail together do not try together.
final class Backoff {
  static final Duration FIRST = Duration.ofMillis(100);
  static final Duration LONGEST = Duration.ofSeconds(30);

  private Backoff() {}

  static Duration after(int failures) {
    if (failures <= 0) {
      return Duration.ZERO;
    }
    long full = FIRST.toMillis() << Math.min(failures - 1, 20);
    long millis = Math.min(full, LONGEST.toMillis());
    return Duration.ofMillis(millis - ThreadLocalRandom.current().nextLong(millis / 4 + 1));
  }
}
