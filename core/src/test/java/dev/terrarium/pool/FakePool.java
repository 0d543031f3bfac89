package dev.terrarium.pool;

import dev.terrarium.Pool;
import dev.terrarium.PoolBuilder;
import dev.terrarium.PoolConfig;
import dev.terrarium.base.ManualClock;
import dev.terrarium.call.Exchange;
import dev.terrarium.call.Outcome;
import dev.terrarium.wire.Encoded;
import dev.terrarium.wire.MemoryFiles;
import dev.terrarium.wire.ValueCodec;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/// A pool whose workers are fakes and whose time the test moves. One thread does everything, so
/// that what happens is what the test says.
final class FakePool {
  private static final Encoded NOTHING = new ValueCodec().encode(null);

  final ManualClock clock = new ManualClock();

  /// All that were ever made, those that are gone, too.
  final List<FakeWorker> made = new ArrayList<>();

  final WorkerPool pool;

  FakePool(UnaryOperator<PoolBuilder> settings) {
    PoolConfig config =
        settings
            .apply(Pool.builder().name("fake").adapter(Path.of("x.py")).maxWait(Duration.ofDays(2)))
            .build();
    pool =
        new WorkerPool(
            config,
            listener -> {
              var worker = new FakeWorker("fake-" + (made.size() + 1), listener);
              made.add(worker);
              return worker;
            },
            () -> Integer.MAX_VALUE,
            clock,
            MemoryFiles.none());
  }

  /// Starts the workers and makes all of them ready.
  FakePool started() {
    pool.begin();
    starting().forEach(FakeWorker::becomeReady);
    return this;
  }

  /// Those that the pool has told to start and that are not ready.
  List<FakeWorker> starting() {
    return made.stream().filter(worker -> worker.state == FakeWorker.State.STARTING).toList();
  }

  /// Those that take calls.
  List<FakeWorker> ready() {
    return made.stream().filter(FakeWorker::isReady).toList();
  }

  UnaryExchange submit(Duration deadline) {
    UnaryExchange call = pool.call("tool", NOTHING, deadline);
    pool.submit(call);
    return call;
  }

  /// With a deadline that never passes.
  UnaryExchange submit() {
    return submit(Duration.ofDays(1));
  }

  Batch batch(boolean ordered) {
    return pool.batch(new Batch.Setup("tool", Duration.ofDays(1), ordered));
  }

  /// Adds items with these indices.
  void add(Batch batch, int from, int count) {
    List<Item> items = new ArrayList<>();
    for (int i = from; i < from + count; i++) {
      items.add(new Item(i, null, NOTHING));
    }
    batch.add(items);
  }

  /// `value`, `not begun`, `failure` or `open`.
  static String kind(Exchange call) {
    if (!call.isDone()) {
      return "open";
    }
    return switch (call.outcome().join()) {
      case Outcome.Value _ -> "value";
      case Outcome.NotBegun _ -> "not begun";
      case Outcome.Failure _ -> "failure";
    };
  }

  /// The same, with the error's class and message.
  static String outcome(Exchange call) {
    return call.isDone() && call.outcome().join() instanceof Outcome.Failure(var error)
        ? error.get().getClass().getSimpleName() + ": " + error.get().getMessage()
        : kind(call);
  }
}
