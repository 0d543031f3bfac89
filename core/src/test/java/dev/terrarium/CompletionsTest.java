package dev.terrarium;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// The threads on which futures are completed, with a machine that has none at times.
@Timeout(60)
final class CompletionsTest {
  private final AtomicBoolean scarce = new AtomicBoolean();
  private final AtomicInteger made = new AtomicInteger();
  private final BlockingQueue<Thread> done = new LinkedBlockingQueue<>();
  private final CountDownLatch goOn = new CountDownLatch(1);

  private Completions completions(int max) {
    return new Completions(max, this::thread);
  }

  private Thread thread(Runnable work) {
    if (scarce.get()) {
      throw new OutOfMemoryError("unable to create native thread");
    }
    return Thread.ofPlatform().daemon().name("test-" + made.incrementAndGet()).unstarted(work);
  }

  private void note() {
    done.add(Thread.currentThread());
  }

  private Thread next() throws InterruptedException {
    Thread next = done.poll(30, TimeUnit.SECONDS);
    assertThat(next).isNotNull();
    return requireNonNull(next);
  }

  private void block(CountDownLatch begun) {
    begun.countDown();
    boolean _ = awaitGoOn();
  }

  private boolean awaitGoOn() {
    try {
      return goOn.await(30, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  /// The first future of a JVM that could make no thread at that moment was never completed.
  @Test
  void theFirstOneIsDoneOnTheSpotWhereNoThreadCanBeMade() throws InterruptedException {
    scarce.set(true);
    Completions completions = completions(4);
    completions.prepare(this::note).begin();
    assertThat(next()).isEqualTo(Thread.currentThread());
    scarce.set(false);
    completions.prepare(this::note).begin();
    assertThat(next().getName()).isEqualTo("test-1");
  }

  @Test
  void whereThereIsAThreadTheOthersWaitForItAndNotOnTheSpot() throws InterruptedException {
    Completions completions = completions(4);
    var begun = new CountDownLatch(1);
    completions.prepare(() -> block(begun)).begin();
    begun.await();
    scarce.set(true);
    for (int i = 0; i < 10; i++) {
      completions.prepare(this::note).begin();
    }
    assertThat(done).isEmpty();
    goOn.countDown();
    for (int i = 0; i < 10; i++) {
      assertThat(next().getName()).isEqualTo("test-1");
    }
  }

  @Test
  void oneThatBlocksKeepsNoOtherWaiting() throws InterruptedException {
    Completions completions = completions(4);
    for (int i = 0; i < 3; i++) {
      var begun = new CountDownLatch(1);
      completions.prepare(() -> block(begun)).begin();
      begun.await();
      completions.prepare(this::note).begin();
      assertThat(next()).isNotEqualTo(Thread.currentThread());
    }
    goOn.countDown();
  }

  @Test
  void beyondTheMostOnesTheyWaitForOneAnother() throws InterruptedException {
    Completions completions = completions(2);
    for (int i = 0; i < 2; i++) {
      var begun = new CountDownLatch(1);
      completions.prepare(() -> block(begun)).begin();
      begun.await();
    }
    completions.prepare(this::note).begin();
    assertThat(done).isEmpty();
    goOn.countDown();
    assertThat(next().getName()).startsWith("test-");
    assertThat(made.get()).isLessThanOrEqualTo(2);
  }

  @Test
  void anIdleThreadIsUsedBeforeANewOneIsMade() throws InterruptedException {
    Completions completions = completions(4);
    completions.prepare(this::note).begin();
    Thread first = next();
    await().until(() -> first.getState() == Thread.State.TIMED_WAITING);
    completions.prepare(this::note).begin();
    assertThat(next()).isEqualTo(first);
  }

  @Test
  void oneThatFailsTakesNoThreadAlong() throws InterruptedException {
    Completions completions = completions(1);
    completions
        .prepare(
            () -> {
              throw new OutOfMemoryError("on purpose");
            })
        .begin();
    completions.prepare(this::note).begin();
    assertThat(next().getName()).isEqualTo("test-1");
  }

  /// A hundred futures waited for a thread that had ended for want of memory, and nobody made
  /// another one.
  @Test
  void whatWaitsForAThreadThatIsNoMoreIsSeenTo() throws InterruptedException {
    var completions = new Completions(4, work -> thread(made.get() == 0 ? () -> {} : work));
    completions.prepare(() -> {}).begin(); // by one that ends at once
    scarce.set(true);
    completions.prepare(this::note).begin();
    completions.mend();
    completions.mend();
    assertThat(done).isEmpty();
    scarce.set(false);
    completions.mend();
    assertThat(next().getName()).isEqualTo("test-2");
  }

  @Test
  void oneThatIsQueuedTwiceIsRunOnce() throws InterruptedException {
    Completions completions = completions(1);
    Completions.Completion twice = completions.prepare(this::note);
    twice.begin();
    Thread first = next();
    twice.run();
    assertThat(done).isEmpty();
    assertThat(first).isNotEqualTo(Thread.currentThread());
  }
}
