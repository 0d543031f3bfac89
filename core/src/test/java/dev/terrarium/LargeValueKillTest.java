package dev.terrarium;

import static dev.terrarium.Trouble.awaitWhole;
import static dev.terrarium.Trouble.inBackground;
import static dev.terrarium.Trouble.kill;
import static dev.terrarium.Trouble.pids;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.BufferPoolMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Workers that are killed over and over, while large values travel in both directions.
@Timeout(90)
final class LargeValueKillTest {
  private static final int SIZE = 4 << 20;
  private static final int CALLERS = 4;
  private static final int KILLS = 12;

  private final AtomicInteger whole = new AtomicInteger();
  private final AtomicInteger lost = new AtomicInteger();

  @AfterEach
  void asBefore() {
    System.clearProperty("terrarium.memfd");
  }

  @ParameterizedTest
  @ValueSource(strings = {"1048576", "off"})
  void killedWorkersCostTheJvmNothing(String memoryFilesFrom) {
    System.setProperty("terrarium.memfd", memoryFilesFrom);
    inBackground(() -> run(1)).join(); // on threads that end: each has buffers of its own
    Map<String, Long> before = held();
    int deaths = lost.get();
    assertThat(inBackground(() -> run(KILLS)).join()).isTrue();
    assertThat(lost.get() - deaths).isBetween(1, KILLS);
    await()
        .atMost(Trouble.PATIENCE)
        .pollInterval(Duration.ofMillis(50))
        .untilAsserted(
            () ->
                assertThat(held())
                    .allSatisfy(
                        (what, now) -> assertThat(now).isLessThanOrEqualTo(before.get(what))));
  }

  /// Kills whoever has a call, and lets everybody get going again, so many times.
  private boolean run(int kills) {
    try (Pool pool = Memory.pool().size(2).start()) {
      var stop = new AtomicBoolean();
      List<CompletableFuture<Boolean>> callers =
          IntStream.range(0, CALLERS)
              .mapToObj(i -> inBackground(() -> call(pool, i, stop)))
              .toList();
      var random = new Random(kills);
      for (int i = 0; i < kills; i++) {
        int enough = whole.get() + random.nextInt(1, 20);
        await()
            .atMost(Trouble.PATIENCE)
            .pollInterval(Duration.ofMillis(1))
            .until(() -> whole.get() >= enough && pool.stats().busy() == 2);
        kill(pids(pool).get(random.nextInt(2)));
        int restarts = i + 1;
        await().atMost(Trouble.PATIENCE).until(() -> pool.stats().restarts() == restarts);
      }
      stop.set(true);
      assertThat(callers.stream().map(CompletableFuture::join)).containsOnly(true);
      awaitWhole(pool);
      assertThat(Memory.mappings()).isZero();
      assertThat(pool.stats().restarts()).isEqualTo(kills);
    }
    return true;
  }

  /// Whether all that came back was what was sent.
  private boolean call(Pool pool, int caller, AtomicBoolean stop) {
    byte[] bytes = new byte[SIZE];
    new Random(caller).nextBytes(bytes);
    boolean right = true;
    for (int i = caller; right && !stop.get(); i++) {
      try {
        right = i % 2 == 0 ? copied(pool, bytes) : mapped(pool, bytes);
        whole.incrementAndGet();
      } catch (WorkerDiedException e) {
        lost.incrementAndGet();
      }
    }
    return right;
  }

  private static boolean copied(Pool pool, byte[] bytes) {
    return Arrays.equals(bytes, pool.tool("echo").args(bytes).call(byte[].class));
  }

  private static boolean mapped(Pool pool, byte[] bytes) {
    try (Arena arena = Arena.ofConfined()) {
      var views = pool.tool("echo_view").args(bytes);
      MemorySegment first =
          requireNonNull(views.call(new TypeRef<List<MemorySegment>>() {}, arena)).getFirst();
      return first.mismatch(MemorySegment.ofArray(bytes)) == -1;
    }
  }

  /// What this JVM has, once the garbage is gone.
  private static Map<String, Long> held() {
    System.gc();
    Map<String, Long> held = new TreeMap<>();
    held.put("memory files", Memory.files());
    held.put("descriptors", descriptors());
    for (var pool : ManagementFactory.getPlatformMXBeans(BufferPoolMXBean.class)) {
      held.put(pool.getName() + " buffers", pool.getCount());
      held.put(pool.getName() + " bytes", pool.getMemoryUsed());
    }
    return held;
  }

  private static long descriptors() {
    try (Stream<Path> all = Files.list(Path.of("/proc/self/fd"))) {
      return all.count();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
