package dev.terrarium.bench;

import dev.terrarium.Pool;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// `map` of many tiny items; each answer is compared with its item.
final class Mapping {
  private static final int ITEMS = 100_000;

  private Mapping() {}

  static Map<String, Object> run(Contestant contestant, Settings settings) throws Exception {
    if (!(contestant instanceof TerrariumContestant ours)) {
      throw new UnsupportedOperationException("no map");
    }
    WarmUp.repeating(settings.warmUpMillis(), () -> mapAll(ours.pool(), ITEMS / 10));
    long begin = System.nanoTime();
    mapAll(ours.pool(), ITEMS);
    double seconds = (System.nanoTime() - begin) / 1e9;
    Map<String, Object> figures = new LinkedHashMap<>();
    figures.put("rate", ITEMS / seconds);
    figures.put("calls", ITEMS);
    return figures;
  }

  private static void mapAll(Pool pool, int items) {
    var next = new AtomicInteger();
    Stream<String> all = IntStream.range(0, items).mapToObj(Mapping::item);
    try (Stream<@Nullable String> answers =
        pool.tool("echo").map(all, item -> Map.of("value", item), String.class)) {
      answers.forEachOrdered(
          answer -> {
            String item = item(next.getAndIncrement());
            if (!item.equals(answer)) {
              throw new WrongAnswerException("sent %s, got %s".formatted(item, answer));
            }
          });
    }
    if (next.get() != items) {
      throw new WrongAnswerException("%d of %d items came back".formatted(next.get(), items));
    }
  }

  private static String item(int number) {
    return "item " + number;
  }
}
