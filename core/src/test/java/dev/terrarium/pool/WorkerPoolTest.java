package dev.terrarium.pool;

import static dev.terrarium.pool.FakePool.outcome;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.terrarium.Drain;
import dev.terrarium.StartFailedException;
import dev.terrarium.StartFailedException.Reason;
import dev.terrarium.call.StopReason;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/// What a pool does, without processes and without waiting: [FakeWorker] and a clock that the test
/// moves.
final class WorkerPoolTest {
  private static final StopReason CRASH = new StopReason.Crashed("");

  private static FakePool pool(int size) {
    return new FakePool(settings -> settings.size(size).maxWaiting(3)).started();
  }

  @Test
  void thoseWhoWaitAreServedInTheOrderInWhichTheyCame() {
    FakePool fake = pool(1);
    FakeWorker worker = fake.ready().getFirst();
    List<UnaryExchange> calls = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      calls.add(fake.submit());
    }
    for (UnaryExchange call : calls) {
      assertThat(worker.calls).containsExactly(call);
      worker.answer();
      assertThat(outcome(call)).isEqualTo("value");
    }
  }

  @Test
  void aFullQueueSaysItsNumbers() {
    FakePool fake = pool(1);
    for (int i = 0; i < 4; i++) {
      fake.submit();
    }
    assertThat(outcome(fake.submit()))
        .isEqualTo(
            "PoolSaturatedException: Pool 'fake': the queue is full (size 1, busy 1, waiting 3 of"
                + " 3); raise size or shorten calls");
  }

  @Test
  void nobodyWaitsLongerThanMaxWait() {
    FakePool fake =
        new FakePool(settings -> settings.size(1).maxWait(Duration.ofSeconds(5))).started();
    fake.submit();
    UnaryExchange second = fake.submit();
    fake.clock.advance(Duration.ofSeconds(5).minusNanos(1));
    assertThat(outcome(second)).isEqualTo("open");
    fake.clock.advance(Duration.ofNanos(1));
    assertThat(outcome(second)).contains("no worker became free within 5 s");
    fake.ready().getFirst().answer();
    assertThat(fake.ready().getFirst().calls).isEmpty();
  }

  @Test
  void aDeadlinePassesInTheQueueOrAtTheWorker() {
    FakePool fake = pool(1);
    UnaryExchange first = fake.submit(Duration.ofSeconds(2));
    UnaryExchange second = fake.submit(Duration.ofSeconds(1));
    fake.clock.advance(Duration.ofSeconds(1));
    assertThat(outcome(second)).contains("exceeded its deadline of 1 s while it waited");
    fake.clock.advance(Duration.ofSeconds(1));
    FakeWorker worker = fake.ready().getFirst();
    assertThat(worker.told).containsExactly("deadline");
    worker.endInterrupted(first);
    assertThat(outcome(first)).contains("too late on fake-1");
    assertThat(fake.pool.stats(new PoolFigures(0, 0, 0)).busy()).isZero();
  }

  @Test
  void alarmsDoNotStayWhenCallsAreOver() {
    FakePool fake = pool(1);
    for (int i = 0; i < 3; i++) {
      fake.submit();
    }
    FakeWorker worker = fake.ready().getFirst();
    while (!worker.calls.isEmpty()) {
      worker.answer();
    }
    assertThat(fake.clock.alarms()).isZero();
  }

  @Test
  void aCallerWhoGivesUpLeavesTheQueueOrInterruptsTheWorker() {
    FakePool fake = pool(1);
    UnaryExchange first = fake.submit();
    UnaryExchange second = fake.submit();
    fake.pool.cancel(second);
    fake.pool.cancel(first);
    assertThat(outcome(second)).contains("cancelled by its caller while it waited");
    assertThat(outcome(first)).endsWith("was cancelled by its caller");
    FakeWorker worker = fake.ready().getFirst();
    assertThat(worker.told).containsExactly("interrupt CANCELLED");
    assertThat(worker.calls).as("until Python has ended it").containsExactly(first);
  }

  @Test
  void aDeadWorkerIsReplacedAndThoseWhoWaitGoOn() {
    FakePool fake = pool(1);
    UnaryExchange first = fake.submit();
    UnaryExchange second = fake.submit();
    fake.ready().getFirst().die(CRASH);
    assertThat(outcome(first)).startsWith("WorkerDiedException");
    assertThat(outcome(second)).isEqualTo("open");
    fake.clock.advance(Backoff.LONGEST);
    fake.starting().getFirst().becomeReady();
    fake.ready().getFirst().answer();
    assertThat(outcome(second)).isEqualTo("value");
    assertThat(fake.pool.stats(new PoolFigures(0, 0, 0)).restarts()).isEqualTo(1);
  }

  @Test
  void aPoolWhoseWorkersDoNotStartSaysSoAfterThreeTries() {
    FakePool fake = pool(1);
    fake.ready().getFirst().die(CRASH);
    UnaryExchange call = fake.submit();
    for (int i = 1; i < WorkerSet.START_FAILURES_MAX; i++) {
      assertThat(outcome(call)).isEqualTo("open");
      fake.clock.advance(Backoff.LONGEST);
      fake.starting()
          .getFirst()
          .die(new StopReason.StartFailed(Reason.ADAPTER_IMPORT, "no module", ""));
    }
    assertThat(outcome(call))
        .startsWith(
            "StartFailedException: Pool 'fake' has no worker, and the last 3 did not start");
    fake.clock.advance(Backoff.LONGEST);
    fake.starting().getFirst().becomeReady();
    UnaryExchange later = fake.submit();
    fake.ready().getFirst().answer();
    assertThat(outcome(later)).isEqualTo("value");
  }

  /// The pool's own threads were left waiting where its start failed at once.
  @Test
  void aStartThatCannotSucceedFailsAtOnce() throws InterruptedException {
    var fake = new FakePool(settings -> settings.size(2));
    var error = new ArrayList<StartFailedException>();
    var starter =
        Thread.ofVirtual()
            .start(
                () -> {
                  try {
                    fake.pool.start();
                  } catch (StartFailedException e) {
                    error.add(e);
                  }
                });
    while (fake.starting().size() < 2) {
      Thread.onSpinWait();
    }
    fake.made.getFirst().die(new StopReason.StartFailed(Reason.ADAPTER_IMPORT, "no module", ""));
    starter.join();
    assertThat(error)
        .singleElement()
        .extracting(StartFailedException::reason)
        .isEqualTo(Reason.ADAPTER_IMPORT);
  }

  @Test
  void closingTellsAllAndTheWorkers() {
    FakePool fake = pool(1);
    fake.submit();
    UnaryExchange waits = fake.submit();
    FakeWorker worker = fake.ready().getFirst();
    fake.pool.abandon();
    assertThat(outcome(waits)).isEqualTo("PoolClosedException: Pool 'fake' is closed");
    assertThat(worker.told).containsExactly("stop PoolClosed", "abandon");
    assertThat(outcome(fake.submit())).isEqualTo("PoolClosedException: Pool 'fake' is closed");
  }

  @Test
  void aDrainingPoolFinishesWhatItHas() {
    FakePool fake = pool(1);
    UnaryExchange runs = fake.submit();
    UnaryExchange waits = fake.submit();
    Draining draining = fake.pool.drain(Drain.ALL);
    assertThat(outcome(fake.submit())).contains("shutting down and takes no new calls");
    FakeWorker worker = fake.ready().getFirst();
    worker.answer();
    worker.answer();
    draining.await(System.nanoTime());
    assertThat(List.of(outcome(runs), outcome(waits))).containsOnly("value");
    assertThat(draining.finished()).isEqualTo(2);
    assertThat(draining.cutOff()).isZero();
  }

  @Test
  void itemsOfABatchThatWereSentAheadOfADeathRunElsewhere() throws InterruptedException {
    FakePool fake = pool(1);
    Batch batch = fake.batch(true);
    fake.add(batch, 0, 1);
    FakeWorker first = fake.ready().getFirst();
    first.answer(); // quick: the next ones are sent ahead of their turn
    fake.add(batch, 1, 9);
    assertThat(first.calls).hasSizeGreaterThan(1);
    first.answer();
    first.die(CRASH);
    fake.clock.advance(Backoff.LONGEST);
    fake.starting().getFirst().becomeReady();
    FakeWorker second = fake.ready().getFirst();
    List<String> delivered = new ArrayList<>();
    while (!second.calls.isEmpty()) {
      second.answer();
    }
    for (Item item = batch.poll(); item != null; item = batch.poll()) {
      delivered.add(item.index() + " " + FakePool.kind(item.call()));
    }
    assertThat(delivered)
        .as("the one that was begun is lost, and what comes after a failure is not wanted")
        .containsExactly("0 value", "1 value", "2 failure");
    assertThatThrownBy(
            () -> {
              batch.stop(() -> new StartFailedException(Reason.CANCELLED, "stopped"));
              batch.poll();
            })
        .hasMessage("stopped");
  }
}
