package dev.terrarium.examples;

import dev.terrarium.Pool;
import java.util.Map;

/// One import, one block, nothing to configure: as many workers as there are processors, gone at
/// the end of the block.
public final class FirstCall {
  /// A dataclass in Python, a record in Java.
  record Frequencies(int total, Map<String, Integer> words) {}

  private FirstCall() {}

  public static void main(String[] args) {
    try (var pool = Pool.builder().adapter(Adapters.path("textstats.py")).start()) {
      var f = pool.call("word_frequencies", Map.of("text", "a b a"), Frequencies.class);
      System.out.printf("%d words, %d of them \"a\"%n", f.total(), f.words().get("a"));
    }
  }
}
