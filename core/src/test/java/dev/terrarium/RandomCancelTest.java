package dev.terrarium;

import static dev.terrarium.Trouble.awaitWhole;
import static dev.terrarium.Trouble.pids;
import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Timeout;

/// A cancel names its call: one that comes late must not hit the next.
@Timeout(90)
final class RandomCancelTest {
  private static final int CALLS = 500;

  private record Attempt(
      int number, CompletableFuture<@Nullable Integer> future, boolean cancelled) {}

  @RepeatedTest(2)
  void manyCallsCancelledAtAnyMomentHaveConsistentOutcomes() {
    long seed = System.nanoTime();
    System.out.println("random cancels with seed " + seed);
    // A cancel that got lost would leave its call running for longer than this test may take.
    Duration never = Duration.ofSeconds(60);
    try (Pool pool = Trouble.pool().size(2).concurrency(2).cancelGrace(never).start()) {
      List<Long> workers = pids(pool);
      List<Attempt> attempts = cancelAtRandom(pool, new Random(seed));
      assertThat(attempts).allSatisfy(RandomCancelTest::hasOneConsistentOutcome);
      awaitWhole(pool);
      assertThat(pids(pool)).isEqualTo(workers);
      assertThat(pool.stats().restarts()).isZero();
      System.out.println(attempts.stream().filter(Attempt::cancelled).count() + " were cancelled");
    }
  }

  private static List<Attempt> cancelAtRandom(Pool pool, Random random) {
    var attempts = new ArrayList<Attempt>();
    for (int i = 0; i < CALLS; i++) {
      boolean doomed = random.nextBoolean();
      // What is doomed never ends by itself, unless it is as quick as its cancel.
      boolean quick = random.nextInt(4) > 0;
      String tool = random.nextBoolean() ? "echo_later" : "echo_later_async";
      double seconds = doomed && !quick ? 1000 : random.nextInt(3) / 1000.0;
      var future = pool.tool(tool).args(i, seconds).callAsync(Integer.class);
      if (doomed) {
        LockSupport.parkNanos(random.nextInt(2_000_000));
      }
      attempts.add(new Attempt(i, future, doomed && future.cancel(true)));
    }
    return attempts;
  }

  private static void hasOneConsistentOutcome(Attempt attempt) {
    try {
      assertThat(attempt.future.join()).isEqualTo(attempt.number);
      assertThat(attempt.cancelled).isFalse();
    } catch (CancellationException e) {
      assertThat(attempt.cancelled).as("%s", attempt).isTrue();
    } catch (CompletionException e) {
      throw new AssertionError("%s failed".formatted(attempt), e);
    }
  }
}
