package dev.terrarium.examples;

import dev.terrarium.Pool;
import dev.terrarium.ToolCall;
import dev.terrarium.TypeRef;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/// Positional and named arguments, a deadline, types with parameters, futures; and a call that is
/// kept for later.
public final class CallWithEverything {
  record Phrase(String text, int times) {}

  record Report(double similarity, List<Phrase> shared) {}

  private static final String FIRST = "the quick brown fox jumps";
  private static final String SECOND = "a quick brown dog jumps";

  private CallWithEverything() {}

  public static void main(String[] args) {
    try (var pool = Pool.builder().adapter(Adapters.path("textstats.py")).size(2).start()) {
      now(pool);
      later(pool);
      prepared(pool);
    }
  }

  private static void now(Pool pool) {
    Report report =
        pool.tool("analyse")
            .args(FIRST, SECOND) // positional, as in Python
            .arg("depth", 2) // and named
            .deadline(Duration.ofSeconds(5))
            .call(Report.class);
    System.out.printf("similarity %.2f, shared %s%n", report.similarity(), report.shared());
  }

  private static void later(Pool pool) {
    CompletableFuture<Map<String, Object>> future =
        pool.tool("word_frequencies")
            .arg("text", FIRST)
            .callAsync(new TypeRef<Map<String, Object>>() {}); // cancel() would reach the worker
    System.out.println(future.thenApply(f -> "later: " + f.get("total") + " words").join());
  }

  private static void prepared(Pool pool) {
    ToolCall likeFirst = pool.tool("analyse").args(FIRST).arg("depth", 1); // immutable: share it
    for (String other : List.of("the fox", "no match")) {
      Report report = likeFirst.arg("second", other).call(Report.class);
      System.out.printf("%s: %.2f%n", other, report.similarity());
    }
  }
}
