package dev.terrarium;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// A future is completed whatever else the program does with its threads.
@Timeout(90)
final class CallAsyncTest {
  @TempDir Path home;

  /// Futures were completed on virtual threads, which got no processor as long as the program's own
  /// ones computed: a call answered in a millisecond, or late by its deadline, stayed open.
  @Test
  void isCompletedWhileTheProgramsOwnVirtualThreadsCompute() throws Exception {
    var over = new AtomicBoolean();
    try (Terrarium runtime = Endings.runtime(home);
        Pool pool = Endings.pool(runtime).size(1).start()) {
      for (int i = 0; i < 4 * Runtime.getRuntime().availableProcessors(); i++) {
        Thread.startVirtualThread(() -> compute(over));
      }
      try {
        CompletableFuture<@Nullable String> value =
            pool.tool("echo").args("x").callAsync(String.class);
        assertThat(value.get(30, TimeUnit.SECONDS)).isEqualTo("x");
        CompletableFuture<@Nullable Object> late =
            pool.tool("sleep").args(1_000).deadline(Duration.ofMillis(200)).callAsync(Object.class);
        assertThat(Trouble.failure(DeadlineExceededException.class, late)).isNotNull();
      } finally {
        over.set(true);
      }
    }
  }

  private static void compute(AtomicBoolean over) {
    while (!over.get()) {
      Thread.onSpinWait();
    }
  }
}
