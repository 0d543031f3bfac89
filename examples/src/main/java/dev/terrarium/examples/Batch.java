package dev.terrarium.examples;

import dev.terrarium.ItemFailedException;
import dev.terrarium.Pool;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/// Many items on all workers: in order, as they are ready, from an endless source, and with one
/// that fails.
public final class Batch {
  record Frequencies(int total, Map<String, Integer> words) {}

  private Batch() {}

  public static void main(String[] args) {
    try (var pool = Pool.builder().adapter(Adapters.path("textstats.py")).size(2).start()) {
      inOrder(pool);
      asTheyAreReady(pool);
      endless(pool);
      failing(pool);
    }
  }

  private static void inOrder(Pool pool) {
    var texts = Stream.of("a b a", "to be or not to be", "one");
    try (Stream<Frequencies> all =
        pool.tool("word_frequencies").map(texts, t -> Map.of("text", t), Frequencies.class)) {
      System.out.println("in order: " + all.map(Frequencies::total).toList());
    }
  }

  private static void asTheyAreReady(Pool pool) {
    var texts = IntStream.range(0, 10_000).mapToObj(i -> "word ".repeat(i % 10));
    try (Stream<Frequencies> all =
        pool.tool("word_frequencies")
            .mapUnordered(texts, t -> Map.of("text", t), Frequencies.class)) {
      System.out.println("in any order: " + all.mapToInt(Frequencies::total).sum() + " words");
    }
  }

  private static void endless(Pool pool) {
    var texts = Stream.iterate("a", text -> text + " a");
    try (Stream<Frequencies> all =
        pool.tool("word_frequencies").map(texts, t -> Map.of("text", t), Frequencies.class)) {
      System.out.println("enough: " + all.mapToInt(Frequencies::total).limit(5).sum());
    } // closing cancels what was sent ahead
  }

  private static void failing(Pool pool) {
    var texts = Stream.<Object>of("fine", 5, "never counted");
    try (Stream<Frequencies> all =
        pool.tool("word_frequencies").map(texts, t -> Map.of("text", t), Frequencies.class)) {
      all.forEach(f -> System.out.println("before the failure: " + f.total()));
    } catch (ItemFailedException e) {
      System.out.printf(
          "item %d (%s): %s%n", e.index(), e.item(), e.getCause().getClass().getSimpleName());
    }
  }
}
