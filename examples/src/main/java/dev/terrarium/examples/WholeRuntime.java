package dev.terrarium.examples;

import dev.terrarium.Config;
import dev.terrarium.Pool;
import dev.terrarium.Terrarium;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;

/// A program with several pools owns the runtime: it says where things live, and closes all of them
/// at once.
public final class WholeRuntime {
  private WholeRuntime() {}

  public static void main(String[] args) throws IOException {
    Path home = args.length > 0 ? Path.of(args[0]) : Files.createTempDirectory("terrarium-home-");
    Config config = Config.defaults().withHome(home).withCloseTimeout(Duration.ofSeconds(10));
    Terrarium terrarium = Terrarium.start(config);
    try (terrarium) {
      Pool texts = pool(terrarium, "textstats.py", 2);
      Pool mishaps = pool(terrarium, "mishaps.py", 1);
      FirstCall.Frequencies frequencies =
          texts.call(
              "word_frequencies",
              Map.of("text", "to be or not to be"),
              FirstCall.Frequencies.class);
      int age = mishaps.call("parse_age", Map.of("text", "42"), Integer.class);
      System.out.printf("%s; %d%n", frequencies.words(), age);
      System.out.printf("%d + %d workers%n", texts.stats().size(), mishaps.stats().size());
    }
    var report = terrarium.closeReport().orElseThrow();
    System.out.printf("ended by force: %d, left: %d%n", report.killed(), report.left());
  }

  private static Pool pool(Terrarium terrarium, String adapter, int size) {
    return Pool.builder().runtime(terrarium).adapter(Adapters.path(adapter)).size(size).start();
  }
}
