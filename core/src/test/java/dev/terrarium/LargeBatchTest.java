package dev.terrarium;

import static dev.terrarium.Trouble.awaitWhole;
import static dev.terrarium.Trouble.failure;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// Batches whose results travel in memory files: small ones, so that many are there that nobody has
/// read yet.
@Timeout(90)
final class LargeBatchTest {
  private static final int SIZE = 4_096;
  private static final int MANY = 3_000;

  @BeforeEach
  void littleIsEnoughForAMemoryFile() {
    System.setProperty("terrarium.memfd", String.valueOf(SIZE));
  }

  @AfterEach
  void nothingIsLeft() {
    System.clearProperty("terrarium.memfd");
    Memory.awaitFiles(0);
  }

  @Test
  void allResultsArriveWhole() {
    try (Pool pool = Memory.pool().size(2).start();
        Stream<byte @Nullable []> results = numbered(pool, LongStream.range(0, MANY))) {
      AtomicLong next = new AtomicLong();
      results.forEach(
          bytes -> {
            assertThat(bytes).hasSize(SIZE);
            assertThat(ByteBuffer.wrap(bytes).getLong()).isEqualTo(next.getAndIncrement());
          });
      assertThat(next).hasValue(MANY);
      Memory.awaitFiles(0);
      awaitWhole(pool);
    }
  }

  @Test
  void aBatchThatIsClosedInTheMiddleKeepsNothing() {
    try (Pool pool = Memory.pool().size(2).start()) {
      for (int i = 0; i < 20; i++) {
        try (Stream<byte @Nullable []> results = numbered(pool, LongStream.range(0, MANY))) {
          assertThat(results.skip(200).findFirst()).isPresent();
        }
        awaitWhole(pool);
        Memory.awaitFiles(0);
      }
      assertThat(pool.stats().restarts()).isZero();
    }
  }

  @Test
  void aBatchThatFailsInTheMiddleKeepsNothing() {
    try (Pool pool = Memory.pool().size(2).start()) {
      Stream<byte @Nullable []> results =
          numbered(pool, LongStream.range(0, MANY).map(i -> i == 700 ? -1 : i));
      var failed = failure(ItemFailedException.class, () -> results.forEach(_ -> {}));
      assertThat(failed.index()).isEqualTo(700);
      Memory.awaitFiles(0);
      awaitWhole(pool);
      assertThat(pool.stats().restarts()).isZero();
    }
  }

  private static Stream<byte @Nullable []> numbered(Pool pool, LongStream source) {
    return pool.tool("numbered")
        .map(source.boxed(), i -> Map.of("value", i, "size", SIZE), byte[].class);
  }
}
