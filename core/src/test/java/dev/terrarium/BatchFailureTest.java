package dev.terrarium;

import static dev.terrarium.Trouble.awaitFile;
import static dev.terrarium.Trouble.awaitWhole;
import static dev.terrarium.Trouble.failure;
import static dev.terrarium.Trouble.inBackground;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// Batches that do not come to their end: whatever stops them stops all of them, and leaves the
/// pool whole.
@Timeout(120)
final class BatchFailureTest {
  /// One item: which, and what is to happen to it.
  record Act(int n, String what, Path path) {
    Map<String, Object> arguments() {
      return Map.of("n", n, "what", what, "path", path);
    }
  }

  @TempDir private Path directory;

  @SuppressWarnings("NullAway.Init") // by start()
  private Pool pool;

  private final AtomicBoolean sourceClosed = new AtomicBoolean();
  private final List<Integer> results = new ArrayList<>();

  @BeforeEach
  void start() {
    pool = Acting.pool(directory).start();
  }

  @AfterEach
  void close() {
    pool.close();
  }

  @Test
  void aFailureCarriesItsItem() {
    Stream<@Nullable Integer> batch = batch(i -> i == 700 ? "raise" : "note");
    ItemFailedException error = failure(ItemFailedException.class, () -> consume(batch));
    assertThat(error.item()).isEqualTo(new Act(700, "raise", note()));
    assertThat(error.index()).isEqualTo(700);
    assertThat(error.getCause())
        .isInstanceOf(ToolException.class)
        .hasMessageContaining("it is 700");
    assertThat(error)
        .hasMessageContaining("Item 700 of a batch of 'act' failed")
        .hasMessageContaining("Act[n=700");
    assertThat(results).containsExactlyElementsOf(IntStream.range(0, 700).boxed().toList());
    assertThat(sourceClosed).isTrue();
    awaitWhole(pool);
    assertThat(Trouble.notes(note()).values()).containsOnly(1L);
  }

  @Test
  void aFailureOvertakesUnorderedResults() {
    Stream<@Nullable Integer> batch =
        pool.tool("act")
            .mapUnordered(acts(i -> i == 0 ? "raise" : ""), Act::arguments, Integer.class);
    assertThat(failure(ItemFailedException.class, () -> consume(batch)).index()).isZero();
    assertThat(results).isEmpty();
    awaitWhole(pool);
  }

  @Test
  void whatCannotBeSentIsTheItemsFailure() {
    Stream<@Nullable Integer> batch =
        pool.tool("echo")
            .map(
                Stream.of(1, 2, 3),
                i -> Map.of("value", i == 2 ? Thread.currentThread() : i),
                Integer.class);
    ItemFailedException error = failure(ItemFailedException.class, () -> consume(batch));
    assertThat(error.item()).isEqualTo(2);
    assertThat(error.getCause()).isInstanceOf(ValueException.class);
    awaitWhole(pool);
  }

  @Test
  void whatDoesNotFitTheTypeIsTheItemsFailure() {
    Stream<@Nullable Integer> batch =
        pool.tool("echo").map(Stream.<Object>of(1, "x"), s -> Map.of("value", s), Integer.class);
    ItemFailedException error = failure(ItemFailedException.class, () -> consume(batch));
    assertThat(error.item()).isEqualTo("x");
    assertThat(error.getCause()).isInstanceOf(ValueException.class);
    awaitWhole(pool);
  }

  @Test
  void aSourceThatThrowsIsHeardAsItIs() {
    var mine = new IllegalStateException("no more paper");
    Stream<Act> source =
        acts(_ -> "")
            .peek(
                act -> {
                  if (act.n() == 50) {
                    throw mine;
                  }
                });
    Stream<@Nullable Integer> batch = pool.tool("act").map(source, Act::arguments, Integer.class);
    assertThat(failure(IllegalStateException.class, () -> consume(batch))).isSameAs(mine);
    assertThat(sourceClosed).isTrue();
    awaitWhole(pool);
  }

  @Test
  void aConsumerThatThrowsStopsTheRest() {
    Stream<@Nullable Integer> batch = batch(i -> i == 0 ? "" : "wait");
    var mine = new IllegalStateException("enough");
    Throwable error =
        failure(
            IllegalStateException.class,
            () ->
                batch.forEach(
                    _ -> {
                      throw mine;
                    }));
    assertThat(error).isSameAs(mine);
    assertThat(sourceClosed).isTrue();
    awaitWhole(pool);
  }

  @Test
  void closingEarlyCancelsWhatIsUnderWay() {
    pool.close();
    pool = Acting.pool(directory).size(2).start();
    // The first one ends when the second is under way, on the other worker.
    try (Stream<@Nullable Integer> batch = batch(i -> i == 0 ? "company" : "wait")) {
      Iterator<@Nullable Integer> each = batch.iterator();
      assertThat(each.next()).isZero();
    }
    assertThat(sourceClosed).isTrue();
    awaitWhole(pool);
    assertThat(pool.stats().restarts()).isZero();
  }

  @Test
  void theItemThatItsWorkerDiedWithFailsAndThoseBehindItNeverBegan() {
    Stream<@Nullable Integer> batch = batch(i -> i == 700 ? "die" : "note");
    ItemFailedException error = failure(ItemFailedException.class, () -> consume(batch));
    assertThat(error.index()).isEqualTo(700);
    assertThat(error.getCause()).isInstanceOf(WorkerDiedException.class);
    assertThat(results).hasSize(700);
    awaitWhole(pool);
    assertThat(Trouble.text(note()).lines())
        .containsExactlyElementsOf(IntStream.range(0, 700).mapToObj(String::valueOf).toList());
  }

  @Test
  void aWorkerThatIsKilledTakesOneItemWithIt() {
    Stream<@Nullable Integer> batch = batch(i -> i == 300 ? "wait" : "");
    var consumer = inBackground(() -> consume(batch));
    awaitFile(directory.resolve("note.300"));
    Trouble.kill(Trouble.pid(pool));
    ItemFailedException error = failure(ItemFailedException.class, consumer);
    assertThat(error.index()).isEqualTo(300);
    assertThat(((WorkerDiedException) error.getCause()).exit()).isEqualTo(new Exit.Signal(9));
    assertThat(results).hasSize(300);
    awaitWhole(pool);
  }

  @Test
  void theDeadlineIsEachItemsOwn() {
    ToolCall call = pool.tool("act").deadline(Duration.ofSeconds(2));
    // Thirty times a tenth of a second, behind many quick ones that were sent ahead.
    Stream<Act> source = acts(i -> i < 200 ? "" : i < 230 ? "sleep" : "wait");
    Stream<@Nullable Integer> batch = call.map(source, Act::arguments, Integer.class);
    ItemFailedException error = failure(ItemFailedException.class, () -> consume(batch));
    assertThat(error.index()).isEqualTo(230);
    assertThat(((DeadlineExceededException) error.getCause()).pythonStacks()).contains("in act");
    assertThat(results).hasSize(230);
    awaitWhole(pool);
    assertThat(pool.stats().restarts()).isZero();
  }

  @Test
  void anInterruptStopsTheRest() {
    AtomicReference<Thread> thread = new AtomicReference<>();
    var consumer =
        inBackground(
            () -> {
              thread.set(Thread.currentThread());
              failure(CallCancelledException.class, () -> consume(batch(_ -> "wait")));
              return Thread.currentThread().isInterrupted();
            });
    awaitFile(directory.resolve("note.0"));
    thread.get().interrupt();
    assertThat(consumer.join()).isTrue();
    assertThat(sourceClosed).isTrue();
    awaitWhole(pool);
    assertThat(pool.stats().restarts()).isZero();
  }

  @Test
  void aPoolThatClosesSaysSo() {
    var consumer = inBackground(() -> consume(batch(_ -> "wait")));
    awaitFile(directory.resolve("note.0"));
    pool.close();
    failure(PoolClosedException.class, consumer);
    assertThat(sourceClosed).isTrue();
    failure(PoolClosedException.class, () -> consume(batch(_ -> "")));
  }

  private Path note() {
    return directory.resolve("note");
  }

  private interface What {
    String of(int n);
  }

  private Stream<Act> acts(What what) {
    return Stream.iterate(0, n -> n + 1)
        .map(n -> new Act(n, what.of(n), note()))
        .onClose(() -> sourceClosed.set(true));
  }

  private Stream<@Nullable Integer> batch(What what) {
    return pool.tool("act").map(acts(what), Act::arguments, Integer.class);
  }

  private int consume(Stream<@Nullable Integer> batch) {
    batch.forEach(results::add);
    return results.size();
  }
}
