package dev.terrarium.base;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
final class SteadyThreadTest {
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  @Test
  void workThatThrowsWhateverItMayBeIsBegunAnewOnTheSameThread() throws InterruptedException {
    Queue<Throwable> failures =
        new ArrayDeque<>(
            List.of(
                new OutOfMemoryError("on purpose"),
                new StackOverflowError(),
                new NoClassDefFoundError("on purpose"),
                new IllegalStateException("on purpose")));
    var begun = new AtomicInteger();
    var thread = new SteadyThread("test", () -> failNext(failures, begun));
    thread.start();
    assertThat(thread.join(PATIENCE)).isTrue();
    assertThat(begun).hasValue(5);
  }

  private static void failNext(Queue<Throwable> failures, AtomicInteger begun) {
    begun.incrementAndGet();
    Throwable next = failures.poll();
    if (next != null) {
      SteadyThreadTest.<RuntimeException>sneak(next);
    }
  }

  @SuppressWarnings({"unchecked", "TypeParameterUnusedInFormals"})
  private static <E extends Throwable> void sneak(Throwable any) throws E {
    throw (E) any;
  }

  @Test
  void anInterruptThatItsWorkLeavesBehindIsGoneWhenItBeginsAnew() throws InterruptedException {
    var interrupted = new AtomicInteger();
    var first = new CountDownLatch(1);
    var thread =
        new SteadyThread(
            "test",
            () -> {
              interrupted.addAndGet(Thread.currentThread().isInterrupted() ? 1 : 0);
              if (first.getCount() > 0) {
                first.countDown();
                Thread.currentThread().interrupt();
                throw new IllegalStateException("on purpose");
              }
            });
    thread.start();
    assertThat(thread.join(PATIENCE)).isTrue();
    assertThat(interrupted).hasValue(0);
  }

  /// It cannot die of what its work throws; should it die all the same, another one goes on.
  @Test
  void aThreadThatHasEndedBeforeItsWorkIsReplacedOnce() throws InterruptedException {
    var worked = new CountDownLatch(1);
    var made = new AtomicInteger();
    var thread =
        new SteadyThread(
            "test",
            worked::countDown,
            work -> Thread.ofPlatform().unstarted(made.incrementAndGet() == 1 ? () -> {} : work));
    assertThat(thread.ensure()).as("it was not started yet").isFalse();
    thread.start();
    assertThat(thread.join(PATIENCE)).isTrue();
    assertThat(thread.ensure()).isTrue();
    assertThat(worked.await(30, SECONDS)).isTrue();
    assertThat(thread.join(PATIENCE)).isTrue();
    assertThat(thread.ensure()).as("its work is over").isFalse();
  }

  @Test
  void aReplacementThatCannotBeMadeNowIsMadeLater() throws InterruptedException {
    var worked = new CountDownLatch(1);
    var made = new AtomicInteger();
    var thread =
        new SteadyThread(
            "test",
            worked::countDown,
            work ->
                switch (made.incrementAndGet()) {
                  case 1 -> Thread.ofPlatform().unstarted(() -> {});
                  case 2 -> new Unstartable();
                  default -> Thread.ofPlatform().unstarted(work);
                });
    thread.start();
    assertThat(thread.join(PATIENCE)).isTrue();
    var watchdog = new Watchdog("test", () -> List.of(thread), () -> {});
    watchdog.look();
    assertThat(worked.getCount()).isEqualTo(1);
    watchdog.look();
    assertThat(worked.await(30, SECONDS)).isTrue();
  }

  private static final class Unstartable extends Thread {
    @Override
    public void start() {
      throw new OutOfMemoryError("unable to create native thread");
    }
  }
}
