package dev.terrarium.bench;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.json.JsonMapper;

/// A measuring JVM: starts one contestant's workers, does one thing or several, and says the
/// figures of each in one line of JSON.
///
/// Its arguments are [Settings]; behind each `then` those of the next workload, as far as they
/// differ. It ends when its standard input does, so that none outlives the bench.
public final class Measure {
  private static final JsonMapper JSON = new JsonMapper();

  private Measure() {}

  public static void main(String[] args) throws Exception {
    Thread.ofPlatform().daemon().name("bench-gone").start(Measure::endWithTheBench);
    List<Settings> all = Settings.all(args);
    Settings first = all.getFirst();
    switch (first.workload()) {
      case "start" -> say(Starts.run(first));
      case "victim" -> Victim.run(first, Measure::say);
      case "memcpy" -> say(InPlace.memcpy(first));
      case "allocation" -> say(AllocationBench.run(first));
      case "orphans" -> say(Cleanups.run(first));
      case "ledger" -> say(Ledgers.run());
      default -> withWorkers(all);
    }
  }

  private static void withWorkers(List<Settings> all) throws Exception {
    try (Contestant contestant = Contestant.start(all.getFirst())) {
      for (Settings settings : all) {
        say(figures(contestant, settings));
      }
    }
  }

  private static Map<String, Object> figures(Contestant contestant, Settings settings)
      throws Exception {
    try {
      return switch (settings.workload()) {
        case "map" -> Mapping.run(contestant, settings);
        case "in-place" -> InPlace.run(contestant, settings);
        default -> Rounds.run(contestant, settings);
      };
    } catch (UnsupportedOperationException e) {
      return Map.of("missing", String.valueOf(e.getMessage()));
    }
  }

  private static void say(Map<String, Object> figures) {
    System.out.println(JSON.writeValueAsString(figures));
  }

  private static void endWithTheBench() {
    try {
      while (System.in.read() >= 0) {}
    } catch (IOException e) {
      // The same as its end.
    }
    Runtime.getRuntime().halt(1);
  }
}
