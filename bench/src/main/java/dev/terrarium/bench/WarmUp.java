package dev.terrarium.bench;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.time.Duration;

/// Load in bursts, with pauses in which the JIT compiler catches up.
///
/// Without them it has to compete for two processors with all callers and workers, is not through
/// when counting begins, and what it needs is counted as the calls' own.
final class WarmUp {
  private static final long BURST_MILLIS = 250;
  private static final Duration LOOK = Duration.ofMillis(20);

  /// A JVM that uses less than a tenth of a processor has nothing to compile.
  private static final long IDLE_NANOS = LOOK.toNanos() / 10;

  private static final int LOOKS_MAX = 150;

  private static final OperatingSystemMXBean JVM =
      ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);

  private WarmUp() {}

  /// Some load; none of it begins any more when this returns.
  @FunctionalInterface
  interface Burst {
    void run(long millis) throws Exception;
  }

  /// @param millis of load, all bursts together; pauses come on top, each three seconds at most
  static void inBursts(long millis, Burst burst) throws Exception {
    for (long left = millis; left > 0; left -= BURST_MILLIS) {
      burst.run(Math.min(left, BURST_MILLIS));
      awaitIdle();
    }
  }

  /// The same for load that is one thing done over and over by the calling thread.
  static void repeating(long millis, Runnable once) throws Exception {
    inBursts(
        millis,
        burst -> {
          long end = System.nanoTime() + Duration.ofMillis(burst).toNanos();
          while (System.nanoTime() < end) {
            once.run();
          }
        });
  }

  private static void awaitIdle() throws InterruptedException {
    long used = JVM.getProcessCpuTime();
    for (int looks = 0; looks < LOOKS_MAX; looks++) {
      Thread.sleep(LOOK);
      long now = JVM.getProcessCpuTime();
      if (now - used < IDLE_NANOS) {
        return;
      }
      used = now;
    }
  }
}
