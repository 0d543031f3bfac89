package dev.terrarium.bench;

import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.function.Consumer;

/// A JVM with idle workers that waits for its `kill -9`. Who kills it also takes the time.
final class Victim {
  private Victim() {}

  @SuppressWarnings("try") // it has nothing to do until the end
  static void run(Settings settings, Consumer<Map<String, Object>> say) throws Exception {
    try (Contestant contestant = Contestant.start(settings)) {
      List<Long> below = ProcessTree.below();
      say.accept(Map.of("pids", below, "workers", contestant.pids().size()));
      new CountDownLatch(1).await();
    }
  }
}
