package dev.terrarium.bench;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// From nothing to workers that have all answered, in a JVM that has done nothing before; and what
/// these workers occupy when each has answered a number of calls.
final class Starts {
  /// The answer at the start counts as the first.
  private static final int CALLS_EACH = 100;

  private Starts() {}

  static Map<String, Object> run(Settings settings) throws Exception {
    var before = ProcessTree.ownUsage();
    long begin = System.nanoTime();
    try (Contestant contestant = Contestant.start(settings)) {
      double millis = (System.nanoTime() - begin) / 1e6;
      var here = ProcessTree.ownUsage().minus(before);
      var there = ProcessTree.usage(ProcessTree.below());
      for (int i = 1; i < CALLS_EACH; i++) {
        contestant.callEach();
      }
      List<Long> workers = contestant.pids();
      List<Long> helpers = ProcessTree.below().stream().filter(p -> !workers.contains(p)).toList();
      Map<String, Object> figures = new LinkedHashMap<>();
      figures.put("start_ms", millis);
      figures.put("java_cpu_ms", here.millis());
      figures.put("python_cpu_ms", there.millis());
      figures.put("worker_kib", (double) proportionalKib(workers) / workers.size());
      figures.put("helpers_kib", proportionalKib(helpers));
      figures.put("helpers", helpers.size());
      return figures;
    }
  }

  private static long proportionalKib(List<Long> pids) {
    return pids.stream().mapToLong(ProcessTree::proportionalKib).sum();
  }
}
