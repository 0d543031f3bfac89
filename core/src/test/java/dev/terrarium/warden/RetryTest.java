package dev.terrarium.warden;

import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.base.Log;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// Recovery once gave up after three tries within 31 ms, while what it lacked was back after three
/// seconds.
@Timeout(60)
final class RetryTest {
  private final Retry retry = new Retry(Log.of(RetryTest.class));
  private final AtomicInteger tries = new AtomicInteger();

  @Test
  void triesUntilItSucceedsWhateverIsThrown() {
    boolean done =
        retry.run(
            "a test",
            () -> {
              switch (tries.incrementAndGet()) {
                case 1 -> throw new IllegalStateException("no descriptor");
                case 2 -> throw new OutOfMemoryError("no thread");
                case 3 -> throw new NoClassDefFoundError("no class");
                default -> {}
              }
            });
    assertThat(done).isTrue();
    assertThat(tries).hasValue(4);
  }

  @Test
  void triesOnceEvenWhereItIsOver() {
    retry.end();
    assertThat(retry.run("a test", tries::incrementAndGet)).isTrue();
    assertThat(retry.run("a test", this::fail)).isFalse();
    assertThat(tries).hasValue(2);
  }

  @Test
  void triesNoMoreOftenThanItMay() {
    assertThat(retry.run("a test", 2, this::fail)).isFalse();
    assertThat(tries).hasValue(2);
  }

  @Test
  void whoWaitsForTheNextTryWaitsNoLongerWhenItIsOver() throws Exception {
    var often = new CountDownLatch(3);
    var result =
        CompletableFuture.supplyAsync(
            () ->
                retry.run(
                    "a test",
                    () -> {
                      often.countDown();
                      fail();
                    }));
    often.await();
    retry.end();
    assertThat(result.get(30, TimeUnit.SECONDS)).isFalse();
  }

  @Test
  void waitsLongerAndLonger() {
    assertThat(IntStream.of(0, 1, 2, 5, 6, 1000).mapToObj(Retry::pause))
        .containsExactly(
            Duration.ofMillis(100),
            Duration.ofMillis(200),
            Duration.ofMillis(400),
            Duration.ofMillis(3200),
            Duration.ofSeconds(5),
            Duration.ofSeconds(5));
  }

  private void fail() {
    tries.incrementAndGet();
    throw new IllegalStateException("as ever");
  }
}
