package dev.terrarium;

import static dev.terrarium.Trouble.awaitFile;
import static dev.terrarium.Trouble.awaitWhole;
import static dev.terrarium.Trouble.failure;
import static dev.terrarium.Trouble.inBackground;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// Batches that come to their end: order, laziness, the company of other callers.
@Timeout(120)
final class BatchTest {
  /// What may be read and not consumed yet, for each worker: two rows of 32.
  private static final int WINDOW = 64;

  @TempDir private Path directory;

  @Test
  void resultsComeInTheOrderOfTheSource() {
    try (Pool pool = Trouble.pool().size(4).start()) {
      List<@Nullable Integer> all;
      try (Stream<@Nullable Integer> results = echoes(pool, IntStream.range(0, 5_000).boxed())) {
        all = results.toList();
      }
      assertThat(all).containsExactlyElementsOf(IntStream.range(0, 5_000).boxed().toList());
      assertThat(pool.stats().calls()).isEqualTo(5_000);
      awaitWhole(pool);
    }
  }

  @Test
  void unorderedResultsDoNotWaitForASlowOne() {
    try (Pool pool = acting(2)) {
      Path go = directory.resolve("go");
      var items = IntStream.range(0, 2_000).mapToObj(i -> i == 700 ? waiting(i, go) : quick(i));
      List<@Nullable Integer> seen = new ArrayList<>();
      try (Stream<@Nullable Integer> results =
          pool.tool("act").mapUnordered(items, item -> item, Integer.class)) {
        Iterator<@Nullable Integer> each = results.iterator();
        while (seen.size() < 1_999) { // those that were on the slow one's worker are among them
          seen.add(each.next());
        }
        assertThat(seen).doesNotContain(700);
        Trouble.write(go, "");
        assertThat(each.next()).isEqualTo(700);
        assertThat(each.hasNext()).isFalse();
      }
      assertThat(seen).doesNotHaveDuplicates();
      awaitWhole(pool);
    }
  }

  @Test
  void theSourceIsReadNoFurtherAheadThanTheWorkersNeed() {
    try (Pool pool = Trouble.pool().size(2).start()) {
      AtomicLong read = new AtomicLong();
      AtomicLong consumed = new AtomicLong();
      AtomicLong ahead = new AtomicLong();
      var endless = Stream.generate(read::incrementAndGet);
      try (Stream<@Nullable Long> results =
          pool.tool("echo").map(endless, BatchTest::value, Long.class)) {
        results
            .limit(20_000)
            .forEach(
                _ -> {
                  consumed.incrementAndGet();
                  ahead.accumulateAndGet(read.get() - consumed.get(), Math::max);
                });
      }
      assertThat(consumed).hasValue(20_000);
      assertThat(ahead.get()).isLessThanOrEqualTo(2 * WINDOW);
      awaitWhole(pool);
    }
  }

  @Test
  void slowItemsAreNotReadAhead() {
    try (Pool pool = acting(2)) {
      Path never = directory.resolve("never");
      AtomicInteger read = new AtomicInteger();
      var endless = Stream.generate(() -> waiting(read.incrementAndGet(), never));
      Stream<@Nullable Integer> results =
          pool.tool("act").map(endless, item -> item, Integer.class);
      var consumer = inBackground(results::findFirst);
      await().until(() -> pool.stats().busy() == 2);
      await().until(() -> read.get() == 4); // one running and one ready for each worker
      results.close();
      failure(CallCancelledException.class, consumer);
      assertThat(read).hasValue(4);
      awaitWhole(pool);
    }
  }

  @Test
  void nothingHappensBeforeTheStreamIsConsumed() {
    try (Pool pool = Trouble.pool().start()) {
      AtomicInteger read = new AtomicInteger();
      try (var _ = echoes(pool, Stream.generate(read::incrementAndGet))) {
        assertThat(read).hasValue(0);
      }
      assertThat(pool.stats().calls()).isZero();
    }
  }

  @Test
  void anEmptySourceGivesNothing() {
    try (Pool pool = Trouble.pool().start()) {
      assertThat(echoes(pool, Stream.<Integer>empty()).toList()).isEmpty();
      assertThat(pool.stats().calls()).isZero();
    }
  }

  @Test
  void noneIsNull() {
    try (Pool pool = Trouble.pool().start()) {
      List<@Nullable String> results =
          new ArrayList<>(
              pool.tool("echo").map(Stream.of(1, 2, 3), _ -> Map.of(), String.class).toList());
      assertThat(results).containsExactly(null, null, null);
    }
  }

  @Test
  void countingCallsTheToolToo() {
    try (Pool pool = Trouble.pool().start()) {
      assertThat(echoes(pool, Stream.of(1, 2, 3)).count()).isEqualTo(3);
      assertThat(pool.stats().calls()).isEqualTo(3);
    }
  }

  @Test
  void argumentsThatWereSetBeforeApplyToEveryItem() {
    try (Pool pool = acting(1)) {
      ToolCall call = pool.tool("add").arg("a", 100);
      var type = new TypeRef<Integer>() {};
      assertThat(call.map(Stream.of(1, 2), i -> Map.of("b", i), type)).containsExactly(101, 102);
      assertThat(call.mapUnordered(Stream.of(1, 2), i -> Map.of("a", i, "b", i), type))
          .containsExactlyInAnyOrder(2, 4);
    }
  }

  @Test
  void parallelDoesNoHarm() {
    try (Pool pool = Trouble.pool().size(2).start()) {
      var source = IntStream.range(0, 1_000).boxed();
      assertThat(echoes(pool, source).parallel().toList())
          .containsExactlyElementsOf(IntStream.range(0, 1_000).boxed().toList());
    }
  }

  @Test
  void itemsOfAsyncToolsOverlapAsFarAsThePoolAllows() {
    try (Pool pool = Trouble.pool().concurrency(10).start()) {
      Path go = directory.resolve("go");
      var items = IntStream.range(0, 10).mapToObj(i -> directory.resolve("here-" + i));
      var consumer =
          inBackground(
              () ->
                  pool.tool("wait_async")
                      .arg("go", go)
                      .map(items, here -> Map.of("started", here), String.class)
                      .toList());
      IntStream.range(0, 10).forEach(i -> awaitFile(directory.resolve("here-" + i)));
      Trouble.write(go, "");
      assertThat(consumer.join()).hasSize(10).containsOnly("waited");
      awaitWhole(pool);
    }
  }

  @Test
  void otherCallersHaveTheirTurns() {
    try (Pool pool = Trouble.pool().maxWaiting(1).start()) {
      AtomicInteger read = new AtomicInteger();
      Stream<@Nullable Integer> endless = echoes(pool, Stream.generate(read::incrementAndGet));
      var consumer = inBackground(() -> endless.reduce(0, (_, last) -> last));
      await().until(() -> read.get() > 500);
      for (int i = 0; i < 100; i++) { // the queue has room for one: none of it is the batch's
        assertThat(pool.call("echo", Map.of("value", i), Integer.class)).isEqualTo(i);
      }
      int before = read.get();
      await().until(() -> read.get() > before);
      endless.close();
      failure(CallCancelledException.class, consumer);
      awaitWhole(pool);
    }
  }

  @Test
  void twoBatchesShareThePool() {
    try (Pool pool = Trouble.pool().size(2).start()) {
      var first = inBackground(() -> echoes(pool, IntStream.range(0, 3_000).boxed()).toList());
      var second = inBackground(() -> echoes(pool, IntStream.range(0, 3_000).boxed()).toList());
      assertThat(first.join()).isEqualTo(second.join()).hasSize(3_000);
      awaitWhole(pool);
    }
  }

  @Test
  void aBatchWaitsForWorkersWithoutAPlaceInTheQueue() {
    try (Pool pool = Trouble.pool().maxWaiting(0).start()) {
      Path go = directory.resolve("go");
      Path here = directory.resolve("here");
      var occupant = pool.tool("wait").args(go, here).callAsync(String.class);
      awaitFile(here);
      AtomicInteger read = new AtomicInteger();
      var source = Stream.iterate(1, i -> i + 1).limit(10).peek(_ -> read.incrementAndGet());
      var consumer = inBackground(() -> echoes(pool, source).toList());
      await().until(() -> read.get() == 2);
      assertThat(pool.stats().waiting()).isZero();
      Trouble.write(go, "");
      assertThat(consumer.join()).hasSize(10);
      occupant.join();
      awaitWhole(pool);
    }
  }

  private static <S> Stream<@Nullable S> echoes(Pool pool, Stream<S> source) {
    return pool.tool("echo").map(source, BatchTest::value, new TypeRef<S>() {});
  }

  private static Map<String, Object> value(Object item) {
    return Map.of("value", item);
  }

  private Pool acting(int size) {
    return Acting.pool(directory).size(size).start();
  }

  private static Map<String, Object> quick(int n) {
    return Map.of("n", n);
  }

  private static Map<String, Object> waiting(int n, Path go) {
    return Map.of("n", n, "what", "wait", "path", go.toString());
  }
}
