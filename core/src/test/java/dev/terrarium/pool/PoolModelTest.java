package dev.terrarium.pool;

import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.call.Exchange;
import dev.terrarium.call.StopReason;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Random steps of callers, workers and time against a naive model of a pool: a list of those who
/// wait and, for each call, where it must be. After each step both must agree.
final class PoolModelTest {
  private static final int RUNS = 100;
  private static final int STEPS = 200;

  static List<Long> seeds() {
    var random = new Random();
    return random.longs(RUNS).boxed().toList();
  }

  @ParameterizedTest(name = "seed {0}")
  @MethodSource("seeds")
  void theSchedulerDoesWhatANaiveModelDoes(long seed) {
    var run = new Run(new Random(seed));
    for (int i = 0; i < STEPS; i++) {
      run.step();
      run.check();
    }
    run.end();
  }

  private static final class Run {
    private final Random random;
    private final int concurrency;
    private final int maxWaiting;
    private final FakePool fake;

    /// Those who must wait, the oldest first.
    private final Deque<UnaryExchange> waiting = new ArrayDeque<>();

    /// Those who must be with a worker, whichever.
    private final Set<Exchange> assigned = new LinkedHashSet<>();

    /// What each of the others must have heard.
    private final Map<UnaryExchange, String> over = new HashMap<>();

    private final List<Batch> batches = new ArrayList<>();
    private final Map<Batch, Integer> added = new HashMap<>();
    private final Map<Batch, Integer> delivered = new HashMap<>();

    Run(Random random) {
      this.random = random;
      this.concurrency = 1 + random.nextInt(2);
      this.maxWaiting = random.nextInt(6);
      int size = 1 + random.nextInt(3);
      this.fake =
          new FakePool(it -> it.size(size).concurrency(concurrency).maxWaiting(maxWaiting))
              .started();
    }

    void step() {
      switch (random.nextInt(10)) {
        case 0, 1, 2 -> submit();
        case 3, 4, 5 -> answer();
        case 6 -> cancel();
        case 7 -> workerDies();
        case 8 -> fake.clock.advance(Backoff.LONGEST);
        default -> batch();
      }
      if (random.nextBoolean()) {
        fake.starting().forEach(FakeWorker::becomeReady);
      }
      batches.forEach(this::deliver);
      settle();
    }

    private void submit() {
      boolean refused = roomless() && waiting.size() >= maxWaiting;
      UnaryExchange call = fake.submit();
      if (refused) {
        over.put(call, "failure");
      } else {
        waiting.addLast(call);
      }
    }

    private boolean roomless() {
      return !waiting.isEmpty() || fake.ready().stream().noneMatch(this::hasRoom);
    }

    // One slot for each call, or for all that belong to one batch.
    private boolean hasRoom(FakeWorker worker) {
      long single = worker.calls.stream().filter(call -> !call.isSentAhead()).count();
      return single + pipelines(worker) < concurrency;
    }

    private static long pipelines(FakeWorker worker) {
      return worker.calls.stream()
          .filter(PipelinedExchange.class::isInstance)
          .map(call -> ((PipelinedExchange) call).pipeline())
          .distinct()
          .count();
    }

    private void answer() {
      List<FakeWorker> busy =
          fake.ready().stream().filter(worker -> !worker.calls.isEmpty()).toList();
      if (!busy.isEmpty()) {
        FakeWorker worker = pick(busy);
        ended(worker.calls.getFirst(), "value");
        worker.answer();
      }
    }

    private void ended(Exchange call, String how) {
      assigned.remove(call);
      if (call instanceof UnaryExchange unary) {
        over.putIfAbsent(unary, how);
      }
    }

    private void cancel() {
      List<UnaryExchange> open = new ArrayList<>(waiting);
      assigned.stream()
          .filter(UnaryExchange.class::isInstance)
          .forEach(call -> open.add((UnaryExchange) call));
      if (!open.isEmpty()) {
        UnaryExchange call = pick(open);
        waiting.remove(call);
        over.put(call, "failure"); // and its worker, if it has one, still has it
        fake.pool.cancel(call);
      }
    }

    private void workerDies() {
      if (!fake.ready().isEmpty()) {
        FakeWorker worker = pick(fake.ready());
        worker.calls.forEach(call -> ended(call, "failure"));
        worker.die(new StopReason.Crashed(""));
      }
    }

    private void batch() {
      if (batches.isEmpty()) {
        batches.add(fake.batch(random.nextBoolean()));
      }
      Batch batch = batches.getFirst();
      int wanted = batch.wanted();
      if (wanted > 0) {
        int from = added.merge(batch, 0, Integer::sum);
        int count = 1 + random.nextInt(wanted);
        added.put(batch, from + count);
        fake.add(batch, from, count);
      }
    }

    private void deliver(Batch batch) {
      try {
        for (Item item = batch.poll(); item != null; item = batch.poll()) {
          delivered.merge(batch, 1, Integer::sum);
        }
      } catch (RuntimeException e) {
        throw new AssertionError("the batch broke", e);
      }
    }

    // Those who got a worker are the oldest of those who waited.
    private void settle() {
      while (!waiting.isEmpty() && waiting.peekFirst().worker() != null) {
        assigned.add(waiting.removeFirst());
      }
    }

    void check() {
      assertThat(waiting)
          .as("one who came later has been served before")
          .allMatch(call -> call.worker() == null);
      if (!waiting.isEmpty()) {
        assertThat(fake.ready()).as("somebody waits").noneMatch(this::hasRoom);
      }
      for (FakeWorker worker : fake.ready()) {
        long single = worker.calls.stream().filter(call -> !call.isSentAhead()).count();
        assertThat(single + pipelines(worker)).isLessThanOrEqualTo(concurrency);
      }
      assertThat(waiting).noneMatch(Exchange::isDone);
      over.forEach((call, how) -> assertThat(FakePool.kind(call)).isEqualTo(how));
      var stats = fake.pool.stats(new PoolFigures(0, 0, 0));
      assertThat(stats.waiting()).isEqualTo(waiting.size());
      assertThat(stats.busy())
          .isEqualTo(fake.ready().stream().filter(worker -> !worker.calls.isEmpty()).count());
    }

    /// All go on until nothing is left to do: nobody has been forgotten.
    void end() {
      for (int i = 0; i < 1_000 && !isCalm(); i++) {
        fake.clock.advance(Backoff.LONGEST);
        fake.starting().forEach(FakeWorker::becomeReady);
        answer();
        batches.forEach(this::deliver);
        settle();
        check();
      }
      assertThat(waiting).isEmpty();
      assertThat(fake.ready()).allMatch(worker -> worker.calls.isEmpty());
      fake.clock.advance(Duration.ofDays(2));
      assertThat(fake.clock.alarms()).isZero();
    }

    private boolean isCalm() {
      return waiting.isEmpty()
          && fake.starting().isEmpty()
          && fake.ready().stream().allMatch(worker -> worker.calls.isEmpty());
    }

    private <T> T pick(List<T> some) {
      return some.get(random.nextInt(some.size()));
    }
  }
}
