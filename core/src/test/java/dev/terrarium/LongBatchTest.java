package dev.terrarium;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.lang.management.ManagementFactory;
import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Batches that are far longer than what there is room for.
@Timeout(180)
final class LongBatchTest {
  /// A million would take 15 to 20 s on two processors, which the workers and the JVM keep busy
  /// half and half. What stays of each item shows with these as well.
  private static final int ITEMS = 350_000;

  private static final int WORKERS = 2;

  /// What may be read and not consumed yet: for each worker two rows of 32.
  private static final int WINDOW = WORKERS * 2 * 32;

  private static final int PART = 50_000;

  /// A reference for each item would be more.
  private static final long GROWTH_BYTES_MAX = 4L * (ITEMS - PART);

  /// An item that can be told from others of the same number.
  private static final class Thing {
    final long number;

    Thing(long number) {
      this.number = number;
    }
  }

  private final List<WeakReference<Thing>> lately = new ArrayList<>(PART);
  private final List<Long> heap = new ArrayList<>();
  private long read;
  private long consumed;
  private long sum;
  private long furthestAhead;

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void neitherItemsNorResultsStay(boolean ordered) {
    try (Pool pool = Trouble.pool().size(WORKERS).start()) {
      Stream<Thing> source = Stream.generate(this::next).limit(ITEMS);
      ToolCall echo = pool.tool("echo");
      try (Stream<@Nullable Long> results =
          ordered
              ? echo.map(source, LongBatchTest::arguments, Long.class)
              : echo.mapUnordered(source, LongBatchTest::arguments, Long.class)) {
        results.forEach(this::consume);
      }
      assertThat(consumed).isEqualTo(ITEMS);
      assertThat(sum).isEqualTo((long) ITEMS * (ITEMS - 1) / 2);
      assertThat(furthestAhead).isBetween(1L, (long) WINDOW);
      assertThat(heap.getLast() - heap.getFirst()).isLessThan(GROWTH_BYTES_MAX);
      assertThat(pool.stats().restarts()).isZero();
    }
  }

  private Thing next() {
    Thing thing = new Thing(read++);
    lately.add(new WeakReference<>(thing));
    furthestAhead = Math.max(furthestAhead, read - consumed);
    return thing;
  }

  private static Map<String, Object> arguments(Thing thing) {
    return Map.of("value", thing.number);
  }

  private void consume(long result) {
    consumed++;
    sum += result;
    if (consumed % PART == 0) {
      await().atMost(Trouble.PATIENCE).until(() -> alive() <= WINDOW);
      lately.clear();
      heap.add(ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed());
    }
  }

  /// How many of the last items somebody still has.
  private long alive() {
    System.gc();
    return lately.stream().filter(item -> !item.refersTo(null)).count();
  }
}
