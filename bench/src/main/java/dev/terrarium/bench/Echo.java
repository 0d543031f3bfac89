package dev.terrarium.bench;

import dev.terrarium.Pool;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;

/// The round trip of a small call: one caller, one worker.
public final class Echo {
  private static final int WARM_UP_CALLS = 20_000;
  private static final int CALLS = 50_000;
  private static final Map<String, String> ARGUMENTS =
      Map.of("value", "forty bytes of text, give or take a few");

  private Echo() {}

  public static void main(String[] args) {
    try (var pool = Pool.builder().adapter(Path.of(args[0])).size(1).start()) {
      measure(pool, WARM_UP_CALLS);
      long[] nanos = measure(pool, CALLS);
      Arrays.sort(nanos);
      System.out.printf(
          "%-10s p50 %.1f us, p99 %.1f us, %,d calls, one caller, one worker%n",
          "echo", at(nanos, 0.50), at(nanos, 0.99), CALLS);
    }
  }

  private static long[] measure(Pool pool, int calls) {
    long[] nanos = new long[calls];
    for (int call = 0; call < calls; call++) {
      long begin = System.nanoTime();
      pool.call("echo", ARGUMENTS, String.class);
      nanos[call] = System.nanoTime() - begin;
    }
    return nanos;
  }

  private static double at(long[] sorted, double share) {
    return sorted[(int) (sorted.length * share)] / 1e3;
  }
}
