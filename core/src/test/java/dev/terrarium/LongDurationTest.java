package dev.terrarium;

import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.Terrarium.CloseReport;
import java.nio.file.Path;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Durations of which there are more nanoseconds than a `long` holds: people who mean "never" say
/// them.
@Timeout(90)
final class LongDurationTest {
  @TempDir private Path directory;

  static Stream<Duration> never() {
    return Stream.of(
        ChronoUnit.FOREVER.getDuration(),
        Duration.ofDays(300 * 365L),
        Duration.ofNanos(Long.MAX_VALUE));
  }

  @ParameterizedTest
  @MethodSource("never")
  void aPoolWorksAndClosesWithAnyDurationThatIsPositive(Duration never) {
    Config config = Config.defaults().withHome(directory.resolve("home")).withCloseTimeout(never);
    Terrarium runtime = Terrarium.start(config);
    Pool pool =
        Acting.pool(directory)
            .runtime(runtime)
            .maxWait(never)
            .deadline(never)
            .startTimeout(never)
            .cancelGrace(never)
            .grace(never)
            .start();
    // The second and third wait in the queue.
    var calls = IntStream.range(0, 3).mapToObj(i -> act(pool, i).callAsync(Integer.class)).toList();
    assertThat(calls.stream().map(CompletableFuture::join)).containsExactly(0, 1, 2);
    assertThat(act(pool, 7).deadline(never).call(Integer.class)).isEqualTo(7);
    try (Stream<@Nullable Integer> batch =
        pool.tool("echo").map(Stream.of(1, 2, 3), i -> Map.of("value", i), Integer.class)) {
      assertThat(batch).containsExactly(1, 2, 3);
    }
    CompletableFuture<@Nullable Object> cancelled =
        pool.tool("act")
            .args(1, "wait", directory.resolve("note").toString())
            .callAsync(Object.class);
    Trouble.awaitFile(directory.resolve("note.1"));
    assertThat(cancelled.cancel(true)).isTrue();
    Trouble.awaitWhole(pool);
    assertThat(pool.stats().restarts()).isZero();
    pool.close();
    runtime.close();
    assertThat(runtime.closeReport()).contains(new CloseReport(0, 0));
  }

  @Test
  void aRuntimeClosesThePoolsThatAreLeftHoweverLongThatMayTake() {
    Duration never = ChronoUnit.FOREVER.getDuration();
    Config config = Config.defaults().withHome(directory.resolve("home")).withCloseTimeout(never);
    Terrarium runtime = Terrarium.start(config);
    Pool pool = Acting.pool(directory).runtime(runtime).grace(never).start();
    assertThat(act(pool, 1).call(Integer.class)).isEqualTo(1);
    runtime.close();
    assertThat(runtime.closeReport()).contains(new CloseReport(0, 0));
  }

  private static ToolCall act(Pool pool, int n) {
    return pool.tool("act").args(n, "sleep");
  }
}
