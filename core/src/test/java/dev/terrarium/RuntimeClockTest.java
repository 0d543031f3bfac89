package dev.terrarium;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.base.Clock;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class RuntimeClockTest {
  private static final int PATIENCE_SECONDS = 30;

  private final RuntimeClock clock = new RuntimeClock("test");

  @AfterEach
  void close() {
    clock.close();
  }

  @Test
  void anAlarmDueBeforeAllOthersIsNotLate() throws InterruptedException {
    var rang = new CountDownLatch(1);
    clock.after(Duration.ofDays(1), () -> {});
    clock.after(Duration.ofMillis(1), rang::countDown);
    assertThat(rang.await(PATIENCE_SECONDS, SECONDS)).isTrue();
  }

  @Test
  void alarmsRunInTheOrderInWhichTheyAreDue() throws InterruptedException {
    var order = new CopyOnWriteArrayList<Integer>();
    var done = new CountDownLatch(3);
    for (int millis : List.of(300, 100, 200)) {
      clock.after(
          Duration.ofMillis(millis),
          () -> {
            order.add(millis);
            done.countDown();
          });
    }
    assertThat(done.await(PATIENCE_SECONDS, SECONDS)).isTrue();
    assertThat(order).containsExactly(100, 200, 300);
  }

  @Test
  void oneThatIsCalledOffDoesNotRunAndKeepsNoOtherFromRunning() throws InterruptedException {
    var wrong = new AtomicInteger();
    var rang = new CountDownLatch(1);
    Clock.Alarm alarm = clock.after(Duration.ofMillis(200), wrong::incrementAndGet);
    clock.after(Duration.ofMillis(400), rang::countDown);
    alarm.cancel();
    alarm.cancel();
    assertThat(rang.await(PATIENCE_SECONDS, SECONDS)).isTrue();
    assertThat(wrong).hasValue(0);
  }

  @Test
  void oneThatIsNeverDueKeepsNoOtherFromRunning() throws InterruptedException {
    var rang = new CountDownLatch(1);
    clock.after(ChronoUnit.FOREVER.getDuration(), () -> {}).cancel();
    clock.after(ChronoUnit.FOREVER.getDuration(), () -> {});
    clock.after(Duration.ofMillis(1), rang::countDown);
    assertThat(rang.await(PATIENCE_SECONDS, SECONDS)).isTrue();
  }

  @Test
  void aTaskThatFailsDoesNotEndTheTimer() throws InterruptedException {
    var rang = new CountDownLatch(1);
    clock.after(
        Duration.ZERO,
        () -> {
          Thread.currentThread().interrupt();
          throw new IllegalStateException("on purpose");
        });
    clock.after(Duration.ofMillis(1), rang::countDown);
    assertThat(rang.await(PATIENCE_SECONDS, SECONDS)).isTrue();
  }

  /// One `OutOfMemoryError` on this thread, and no deadline ever fired again. The task that ran out
  /// of memory may be the only one that knows of a caller: it runs again, and keeps no other
  /// waiting.
  @Test
  void aTaskForWhichThereWasNoMemoryRunsAgainUntilThereIs() throws InterruptedException {
    var attempts = new AtomicInteger();
    var another = new CountDownLatch(1);
    var done = new CountDownLatch(1);
    clock.after(
        Duration.ZERO,
        () -> {
          if (attempts.incrementAndGet() <= 3 || another.getCount() > 0) {
            throw new OutOfMemoryError("on purpose");
          }
          done.countDown();
        });
    clock.after(Duration.ofMillis(1), another::countDown);
    assertThat(another.await(PATIENCE_SECONDS, SECONDS)).isTrue();
    assertThat(done.await(PATIENCE_SECONDS, SECONDS)).isTrue();
    assertThat(attempts.get()).isGreaterThan(3);
  }

  @Test
  void severalForWhichThereWasNoMemoryTakeTurns() throws InterruptedException {
    var missing = new ConcurrentHashMap<Integer, Boolean>();
    var done = new CountDownLatch(50);
    for (int i = 0; i < 50; i++) {
      int number = i;
      clock.after(
          Duration.ZERO,
          () -> {
            if (missing.put(number, true) == null || missing.size() < 50) {
              throw new OutOfMemoryError("on purpose");
            }
            done.countDown();
          });
    }
    assertThat(done.await(PATIENCE_SECONDS, SECONDS)).isTrue();
  }

  @Test
  void oneThatIsCalledOffWhileItWaitsForMemoryDoesNotRunAgain() throws InterruptedException {
    var attempts = new AtomicInteger();
    var failed = new CountDownLatch(1);
    var later = new CountDownLatch(1);
    Clock.Alarm alarm =
        clock.after(
            Duration.ZERO,
            () -> {
              attempts.incrementAndGet();
              failed.countDown();
              throw new OutOfMemoryError("on purpose");
            });
    assertThat(failed.await(PATIENCE_SECONDS, SECONDS)).isTrue();
    clock.after(Duration.ofMillis(20), alarm::cancel);
    clock.after(Duration.ofMillis(20), () -> attempts.set(0));
    clock.after(RuntimeClock.AGAIN_AFTER.multipliedBy(4), later::countDown);
    assertThat(later.await(PATIENCE_SECONDS, SECONDS)).isTrue();
    assertThat(attempts).hasValue(0);
  }

  @Test
  void manyThatComeAndGoRunOnceEach() throws InterruptedException {
    int threads = 4;
    int rounds = 2_000;
    var done = new CountDownLatch(threads * rounds);
    var callers = new ArrayList<Thread>();
    for (int i = 0; i < threads; i++) {
      callers.add(
          Thread.ofPlatform()
              .start(
                  () -> {
                    for (int round = 0; round < rounds; round++) {
                      clock.after(Duration.ofMinutes(1), done::countDown).cancel();
                      clock.after(Duration.ofNanos(round * 1_000L), done::countDown);
                    }
                  }));
    }
    for (Thread caller : callers) {
      caller.join();
    }
    assertThat(done.await(PATIENCE_SECONDS, SECONDS)).isTrue();
  }

  @Test
  void whenItIsClosedNothingRunsAnyMore() {
    var wrong = new AtomicInteger();
    clock.after(Duration.ofDays(1), wrong::incrementAndGet);
    clock.close();
    clock.after(Duration.ZERO, wrong::incrementAndGet).cancel();
    clock.after(Duration.ZERO, wrong::incrementAndGet);
    clock.close();
    assertThat(wrong).hasValue(0);
  }
}
