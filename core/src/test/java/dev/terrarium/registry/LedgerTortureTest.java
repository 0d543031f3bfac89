package dev.terrarium.registry;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.process.Birthmark;
import dev.terrarium.process.ProcessName;
import dev.terrarium.process.RunId;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// A ledger that is cut, changed, written by two, or large: what is read of it is what was written,
/// less the lines that are not whole, and never anything else.
@Timeout(180)
@SuppressWarnings("NullAway.Init") // set before each test
final class LedgerTortureTest {
  private static final int WORKERS = 14;

  @TempDir private Path home;
  private RunDirectory run;
  private Path file;
  private Random random;

  @BeforeEach
  void create() {
    StateDirectory state = StateDirectory.at(home.resolve("state"));
    run =
        RunDirectory.create(
            state, RunId.generate(), Birthmark.choose(), home.resolve("terrarium-x"));
    file = run.path().resolve(ProcessRegistry.FILE);
    long seed = System.nanoTime();
    System.out.println("seed " + seed);
    random = new Random(seed);
  }

  @AfterEach
  void close() {
    run.close();
  }

  @Test
  void aCutAtAnyByteLosesTheLineThatItHits() throws IOException {
    byte[] whole = writeLedger();
    List<LedgerLine> lines = lines(whole);
    try (var ledger = new RandomAccessFile(file.toFile(), "rw")) {
      for (int length = whole.length; length >= 0; length--) {
        ledger.setLength(length);
        LedgerContents read = LedgerContents.read(file);
        assertThat(read.rows()).isEqualTo(rowsOf(lines.subList(0, breaksIn(whole, length))));
        boolean clean = length == 0 || whole[length - 1] == '\n';
        assertThat(read.problems()).hasSize(clean ? 0 : 1);
      }
    }
  }

  @Test
  void afterACutAtAnyByteItGoesOnWithWholeLines() throws IOException {
    byte[] whole = writeLedger();
    for (int length = random.nextInt(29); length <= whole.length; length += 29) {
      Files.write(file, Arrays.copyOf(whole, length));
      var expected = new ArrayList<>(LedgerContents.read(file).rows());
      try (ProcessRegistry registry = ProcessRegistry.open(run, true)) {
        expected.add(registry.reserve(ProcessName.worker("a", 4_711), 4_711));
      }
      assertThat(LedgerContents.read(file))
          .isEqualTo(
              new LedgerContents(Optional.of(run.manifest().identity()), expected, List.of()));
    }
  }

  @Test
  void aChangeOfAnyByteLosesTheLineThatItHits() throws IOException {
    byte[] whole = writeLedger();
    List<LedgerLine> lines = lines(whole);
    try (var ledger = new RandomAccessFile(file.toFile(), "rw")) {
      for (int at = 0; at < whole.length; at++) {
        byte was = whole[at];
        for (byte is : new byte[] {(byte) (was ^ random.nextInt(1, 256)), '\n'}) {
          if (is != was) {
            ledger.seek(at);
            ledger.write(is);
            assertLost(lines, breaksIn(whole, at), was, is);
          }
        }
        ledger.seek(at);
        ledger.write(was);
      }
    }
  }

  private void assertLost(List<LedgerLine> lines, int line, byte was, byte is) throws IOException {
    List<WorkerRow> read = LedgerContents.read(file).rows();
    // Without its line break a line takes the next one with it.
    Set<Integer> hit = was == '\n' ? Set.of(line, line + 1) : Set.of(line);
    if (was == '\n' && is == '\r' && line + 1 < lines.size()) {
      assertThat(read).isEqualTo(rowsOf(lines)); // a line break for another
    } else {
      assertThat(read).isEqualTo(rowsOf(without(lines, hit)));
    }
  }

  @Test
  void whatTwoWriteAtTheSameTimeIsAllThere() throws IOException {
    try (ProcessRegistry one = ProcessRegistry.open(run, true);
        ProcessRegistry other = ProcessRegistry.open(run, true)) {
      Stream.of(writing(one, 1), writing(other, 10_001)).toList().forEach(CompletableFuture::join);
    }
    LedgerContents read = LedgerContents.read(file);
    assertThat(read.problems()).isEmpty();
    assertThat(read.rows())
        .hasSize(2_000)
        .allMatch(row -> row.process().orElseThrow().pid() == row.number() + 100_000);
  }

  private static CompletableFuture<Void> writing(ProcessRegistry registry, long first) {
    return CompletableFuture.runAsync(
        () -> LongStream.range(first, first + 1_000).forEach(number -> active(registry, number)),
        task -> Thread.ofPlatform().daemon().start(task));
  }

  @Test
  void tenThousandRowsAreReadAsTheyWereWritten() throws IOException {
    List<WorkerRow> written;
    try (ProcessRegistry registry = ProcessRegistry.open(run, true)) {
      written = LongStream.rangeClosed(1, 10_000).mapToObj(it -> active(registry, it)).toList();
    }
    assertThat(LedgerContents.read(file))
        .isEqualTo(new LedgerContents(Optional.of(run.manifest().identity()), written, List.of()));
  }

  private static WorkerRow active(ProcessRegistry registry, long number) {
    registry.reserve(ProcessName.worker("a", number), number);
    return registry.activate(number, number + 100_000, 99, number + 100_000);
  }

  /// Lines of all three kinds, of workers that live next to each other.
  private byte[] writeLedger() throws IOException {
    try (ProcessRegistry registry = ProcessRegistry.open(run, true)) {
      var waiting = new ArrayList<Long>();
      for (long number = 1; number <= WORKERS; number++) {
        registry.reserve(ProcessName.worker("ä", number), number);
        waiting.add(number);
        if (random.nextInt(3) > 0) {
          long next = waiting.remove(random.nextInt(waiting.size()));
          registry.activate(next, 100_000 + next, 99, 100_000 + next);
          if (random.nextBoolean()) {
            registry.release(next);
          }
        }
      }
    }
    return Files.readAllBytes(file);
  }

  private static List<LedgerLine> lines(byte[] whole) {
    return new String(whole, UTF_8).lines().map(LedgerLine::parse).toList();
  }

  private static List<LedgerLine> without(List<LedgerLine> lines, Set<Integer> hit) {
    return IntStream.range(0, lines.size())
        .filter(line -> !hit.contains(line))
        .mapToObj(lines::get)
        .toList();
  }

  private static int breaksIn(byte[] text, int length) {
    return (int) IntStream.range(0, length).filter(i -> text[i] == '\n').count();
  }

  /// What these lines say.
  private static List<WorkerRow> rowsOf(List<LedgerLine> lines) {
    Map<Long, WorkerRow> rows = new LinkedHashMap<>();
    for (LedgerLine line : lines) {
      switch (line) {
        case LedgerLine.Reserve(var row) -> rows.put(row.number(), row);
        case LedgerLine.Activate(var number, var activation) ->
            rows.computeIfPresent(number, (_, row) -> row.activated(activation));
        case LedgerLine.Release(var number, _) -> rows.remove(number);
      }
    }
    return List.copyOf(rows.values());
  }
}
