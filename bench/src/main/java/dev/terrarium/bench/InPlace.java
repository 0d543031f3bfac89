package dev.terrarium.bench;

import static java.util.Objects.requireNonNull;

import dev.terrarium.Pool;
import dev.terrarium.TypeRef;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Bytes that are read where they lie: a `MemorySegment` sent to a tool that looks at a few bytes,
/// and one that comes back from a tool and of which Java looks at a few bytes.
final class InPlace {
  private static final byte[] PREPARED =
      "0123456789abcdef".getBytes(java.nio.charset.StandardCharsets.US_ASCII);

  private InPlace() {}

  /// What it is compared with: one copy of so many bytes into memory that was touched before.
  static Map<String, Object> memcpy(Settings settings) throws Exception {
    try (var arena = Arena.ofConfined()) {
      MemorySegment from = arena.allocate(settings.bytes()).fill((byte) 1);
      MemorySegment to = arena.allocate(settings.bytes()).fill((byte) 2);
      return figures("copy", repeat(settings, () -> to.copyFrom(from)));
    }
  }

  static Map<String, Object> run(Contestant contestant, Settings settings) throws Exception {
    if (!(contestant instanceof TerrariumContestant ours)) {
      throw new UnsupportedOperationException("no segments");
    }
    Map<String, Object> figures = new LinkedHashMap<>();
    try (var arena = Arena.ofShared()) {
      MemorySegment sent = arena.allocate(settings.bytes());
      figures.putAll(figures("there", repeat(settings, () -> send(ours.pool(), sent))));
    }
    figures.putAll(figures("back", repeat(settings, () -> receive(ours.pool(), settings.bytes()))));
    return figures;
  }

  private static void send(Pool pool, MemorySegment segment) {
    long middle = segment.byteSize() / 2;
    segment.set(
        ValueLayout.JAVA_BYTE,
        middle,
        (byte) (1 + segment.get(ValueLayout.JAVA_BYTE, middle) % 100));
    List<Integer> seen =
        requireNonNull(
            pool.tool("read_in_place").arg("value", segment).call(new TypeRef<List<Integer>>() {}));
    List<Integer> expected =
        List.of(
            (int) segment.byteSize(),
            at(segment, 0),
            at(segment, middle),
            at(segment, segment.byteSize() - 1));
    check(seen.equals(expected), "sent %s, Python saw %s".formatted(expected, seen));
  }

  private static int at(MemorySegment segment, long index) {
    return segment.get(ValueLayout.JAVA_BYTE, index);
  }

  private static void receive(Pool pool, int size) {
    try (var arena = Arena.ofConfined()) {
      MemorySegment segment =
          requireNonNull(pool.tool("prepared").arg("size", size).call(MemorySegment.class, arena));
      check(segment.byteSize() == size, "%d bytes came".formatted(segment.byteSize()));
      for (long i : new long[] {0, size / 2 + 5, size - 1}) {
        check(
            at(segment, i) == PREPARED[(int) (i % PREPARED.length)],
            "byte %d is wrong".formatted(i));
      }
    }
  }

  private static void check(boolean right, String what) {
    if (!right) {
      throw new WrongAnswerException(what);
    }
  }

  private static Stopwatch repeat(Settings settings, Runnable once) throws Exception {
    WarmUp.repeating(settings.warmUpMillis(), once);
    var watch = new Stopwatch();
    long end = System.nanoTime() + settings.millis() * 1_000_000L;
    while (System.nanoTime() < end) {
      long begin = System.nanoTime();
      once.run();
      watch.add(System.nanoTime() - begin);
    }
    return watch;
  }

  private static Map<String, Object> figures(String name, Stopwatch watch) {
    return Map.of(name + "_us", Stopwatch.micros(Stopwatch.sorted(List.of(watch)), 0.5));
  }
}
