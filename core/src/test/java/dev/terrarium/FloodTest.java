package dev.terrarium;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// Workers print more than anybody reads: nobody waits, nothing grows, and what is lost is counted.
@Timeout(90)
final class FloodTest {
  private static final int MEBIBYTES = 50;
  private static final long FLOODED_LINES = 2L * (MEBIBYTES * (1L << 20) / 200);
  private static final int QUEUE_LINES = 1_000;
  private static final long KEPT_BYTES = 64 << 10;

  @TempDir Path home;

  @Test
  void aToolPrintsOnWhileTheLogBackendStalls() throws IOException {
    Config config = Config.defaults().withHome(home).withLogQueueLines(QUEUE_LINES);
    try (var backend = new StallingLog();
        Terrarium runtime = Terrarium.start(config);
        Pool pool = Endings.pool(runtime).size(1).start()) {
      double seconds = requireNonNull(pool.tool("flood").args(MEBIBYTES).call(Double.class));
      assertThat(seconds).isLessThan(30);
      assertThat(backend.delivered.get()).isLessThanOrEqualTo(1);
      backend.goOn();
      sayOn(pool, "stdout");
      sayOn(pool, "stderr");
      Endings.soon().until(() -> total(backend) == FLOODED_LINES + 2);
      assertThat(backend.dropped.get()).isPositive();
      Endings.report(
          "50 MiB printed while the log backend stalls",
          Map.of("seconds", seconds, "delivered", backend.delivered, "dropped", backend.dropped));
      assertLogIsKept(runtime);
      assertThat(Endings.close(runtime)).isEqualTo(new Terrarium.CloseReport(0, 0));
      assertThat(home.resolve("runs")).isEmptyDirectory();
    }
  }

  /// The warden says how many lines it had to drop with the next line that goes through.
  private static void sayOn(Pool pool, String stream) {
    var _ = pool.tool("say").args("the end", stream).call(Object.class);
  }

  private static long total(StallingLog backend) {
    return backend.delivered.get() + backend.dropped.get();
  }

  private void assertLogIsKept(Terrarium runtime) throws IOException {
    Path logs = home.resolve("runs").resolve(runtime.runId()).resolve("logs");
    long bytes = 0;
    for (String name : Endings.names(logs)) {
      assertThat(name).startsWith("trouble-1.log");
      bytes += Files.size(logs.resolve(name));
    }
    assertThat(bytes).isBetween(KEPT_BYTES, 4 * KEPT_BYTES);
    assertThat(Files.readString(logs.resolve("trouble-1.log"))).endsWith("the end\n");
  }

  @Test
  void aStalledLogBackendDoesNotKeepTheRuntimeFromClosing() throws InterruptedException {
    try (var backend = new StallingLog();
        Terrarium runtime = Endings.runtime(home);
        Pool pool = Endings.pool(runtime).size(1).start()) {
      backend.stalled.await();
      sayOn(pool, "stdout");
      long begin = System.nanoTime();
      assertThat(Endings.close(runtime)).isEqualTo(new Terrarium.CloseReport(0, 0));
      Duration took = Duration.ofNanos(System.nanoTime() - begin);
      assertThat(took).isLessThan(Duration.ofSeconds(20));
      assertThat(backend.delivered.get()).isLessThanOrEqualTo(1);
    }
  }
}
