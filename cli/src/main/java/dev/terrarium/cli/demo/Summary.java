package dev.terrarium.cli.demo;

import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.function.ToIntFunction;
import java.util.stream.Stream;

/// All modules together.
record Summary(List<ModuleStats> modules) {
  record LongestFunction(String module, String function, int lines) {}

  Summary {
    modules = List.copyOf(modules);
  }

  long lines() {
    return sum(ModuleStats::lines);
  }

  long functions() {
    return sum(ModuleStats::functions);
  }

  long classes() {
    return sum(ModuleStats::classes);
  }

  long docwords() {
    return sum(ModuleStats::docwords);
  }

  /// The largest modules, the largest first.
  Stream<ModuleStats> largest(int count) {
    return modules.stream()
        .sorted(Comparator.comparingInt(ModuleStats::lines).reversed())
        .limit(count);
  }

  Optional<LongestFunction> longest() {
    return modules.stream()
        .flatMap(Summary::longestOf)
        .max(Comparator.comparingInt(LongestFunction::lines));
  }

  private static Stream<LongestFunction> longestOf(ModuleStats module) {
    var longest = module.longest();
    return longest == null
        ? Stream.empty()
        : Stream.of(new LongestFunction(module.module(), longest.name(), longest.lines()));
  }

  private long sum(ToIntFunction<ModuleStats> number) {
    return modules.stream().mapToLong(number::applyAsInt).sum();
  }
}
