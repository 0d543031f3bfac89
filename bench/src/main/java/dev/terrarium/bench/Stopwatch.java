package dev.terrarium.bench;

import java.util.Arrays;
import java.util.Collection;

/// The durations of one caller's calls. For one thread.
final class Stopwatch {
  private long[] nanos = new long[1 << 12];
  private int count;

  void add(long duration) {
    if (count == nanos.length) {
      nanos = Arrays.copyOf(nanos, 2 * count);
    }
    nanos[count++] = duration;
  }

  int count() {
    return count;
  }

  /// All durations in nanoseconds, the shortest first.
  static long[] sorted(Collection<Stopwatch> watches) {
    long[] all = new long[watches.stream().mapToInt(Stopwatch::count).sum()];
    int end = 0;
    for (Stopwatch watch : watches) {
      System.arraycopy(watch.nanos, 0, all, end, watch.count);
      end += watch.count;
    }
    Arrays.sort(all);
    return all;
  }

  /// The duration in microseconds that this share of the calls did not exceed.
  static double micros(long[] sorted, double share) {
    return sorted[Math.min(sorted.length - 1, (int) (sorted.length * share))] / 1e3;
  }
}
