package dev.terrarium.wire;

import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;

/// The connections that have not been let in yet, oldest first: all have the same time for it. Of
/// the loop's thread.
final class Strangers {
  private final Duration timeout;
  private final int max;
  private final Map<Watched, Long> deadlines = new LinkedHashMap<>();

  Strangers(Duration timeout, int max) {
    this.timeout = timeout;
    this.max = max;
  }

  boolean full() {
    return deadlines.size() >= max;
  }

  void add(Watched stranger, long now) {
    deadlines.put(stranger, now + timeout.toNanos());
  }

  void remove(Watched stranger) {
    deadlines.remove(stranger);
  }

  long nanosToDeadline(long now) {
    return deadlines.isEmpty() ? Long.MAX_VALUE : deadlines.values().iterator().next() - now;
  }

  void expire(long now) {
    while (nanosToDeadline(now) <= 0) {
      Watched oldest = deadlines.keySet().iterator().next();
      oldest.end(
          new ProtocolException(
              "no whole first frame within %,d ms".formatted(timeout.toMillis())));
      remove(oldest);
    }
  }
}
