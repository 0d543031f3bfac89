package dev.terrarium;

import static java.util.Objects.requireNonNull;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import tools.jackson.databind.json.JsonMapper;

/// Everything that a pool is made of, checked and immutable. Made by [Pool#builder()]; each
/// component has the builder's method of the same name, which says its default and when to change
/// it.
public record PoolConfig(
    String name,
    Path adapter,
    String python,
    Start start,
    boolean preload,
    Set<String> harmlessThreads,
    int size,
    int concurrency,
    int maxWaiting,
    Duration maxWait,
    Duration deadline,
    Duration startTimeout,
    int startParallelism,
    Duration cancelGrace,
    Duration grace,
    Duration stuckAfter,
    Map<String, String> environment,
    Set<String> withoutEnvironment,
    Optional<Path> workingDirectory,
    Set<Isolation> isolation,
    ResourceLimits limits,
    Map<String, Object> options,
    Optional<JsonMapper> mapper) {
  /// Workers in one pool.
  public static final int SIZE_MAX = 10_000;

  /// Calls in flight on one worker.
  public static final int CONCURRENCY_MAX = 10_000;

  /// Threads that an import may leave in every pool's zygote. jemalloc's background thread (pyarrow
  /// starts it): its library stops it around each fork, by `pthread_atfork`, and its children do
  /// without.
  public static final Set<String> HARMLESS_THREADS = Set.of("jemalloc_bg_thd");

  public PoolConfig {
    requireNonNull(name, "name");
    requireNonNull(adapter, "adapter");
    requireNonNull(python, "python");
    requireNonNull(start, "start");
    requireNonNull(harmlessThreads, "harmlessThreads");
    requireNonNull(maxWait, "maxWait");
    requireNonNull(deadline, "deadline");
    requireNonNull(startTimeout, "startTimeout");
    requireNonNull(cancelGrace, "cancelGrace");
    requireNonNull(grace, "grace");
    requireNonNull(stuckAfter, "stuckAfter");
    requireNonNull(environment, "environment");
    requireNonNull(withoutEnvironment, "withoutEnvironment");
    requireNonNull(workingDirectory, "workingDirectory");
    requireNonNull(isolation, "isolation");
    requireNonNull(limits, "limits");
    requireNonNull(options, "options");
    requireNonNull(mapper, "mapper");
    harmlessThreads = Set.copyOf(harmlessThreads);
    environment = Map.copyOf(environment);
    withoutEnvironment = Set.copyOf(withoutEnvironment);
    isolation = Set.copyOf(isolation);
    options = Collections.unmodifiableMap(new LinkedHashMap<>(options)); // values may be null
    Problems problems = new Problems("pool '" + name + "'");
    problems.check(
        name.matches("[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"),
        "name must be 1 to 64 letters, digits, '_', '.' or '-', the first a letter or digit");
    problems.check(
        !adapter.toString().isEmpty(),
        "an adapter is needed: Pool.builder().adapter(Path.of(\"tools.py\"))");
    checkRange(problems, "size", size, SIZE_MAX);
    checkRange(problems, "concurrency", concurrency, CONCURRENCY_MAX);
    problems.check(
        startParallelism >= 0 && startParallelism <= SIZE_MAX,
        "startParallelism must be 0 to %d: %d".formatted(SIZE_MAX, startParallelism));
    problems.check(maxWaiting >= 0, "maxWaiting must not be negative: " + maxWaiting);
    problems.check(!python.isBlank(), "python is empty");
    problems.check(
        harmlessThreads.stream().noneMatch(each -> each.isBlank() || each.equals("*")),
        "harmlessThreads are names of threads, not '' or '*': " + harmlessThreads);
    problems.checkPositive("maxWait", maxWait);
    problems.checkPositive("deadline", deadline);
    problems.checkPositive("startTimeout", startTimeout);
    problems.checkPositive("cancelGrace", cancelGrace);
    problems.checkPositive("grace", grace);
    problems.check(!stuckAfter.isNegative(), "stuckAfter must not be negative: " + stuckAfter);
    boolean cgroup = isolation.contains(Isolation.CGROUP);
    problems.check(
        cgroup || limits.memory().isEmpty(),
        "limits.memory needs isolation(CGROUP); without one there is limits.addressSpace");
    problems.check(cgroup || limits.cpus().isEmpty(), "limits.cpus needs isolation(CGROUP)");
    problems.throwIfAny();
  }

  /// Of the environment and the options the names alone: their values may be secrets, and what
  /// describes a pool ends in logs.
  @Override
  public String toString() {
    return "PoolConfig[name=%s, adapter=%s, python=%s, start=%s, preload=%s, harmlessThreads=%s, size=%d, concurrency=%d, maxWaiting=%d, maxWait=%s, deadline=%s, startTimeout=%s, startParallelism=%d, cancelGrace=%s, grace=%s, stuckAfter=%s, environment=%s, withoutEnvironment=%s, workingDirectory=%s, isolation=%s, limits=%s, options=%s, mapper=%s]"
        .formatted(
            name,
            adapter,
            python,
            start,
            preload,
            sorted(harmlessThreads),
            size,
            concurrency,
            maxWaiting,
            maxWait,
            deadline,
            startTimeout,
            startParallelism,
            cancelGrace,
            grace,
            stuckAfter,
            sorted(environment.keySet()),
            sorted(withoutEnvironment),
            workingDirectory.map(Path::toString).orElse("(the JVM's)"),
            isolation,
            limits,
            options.keySet(),
            mapper.isPresent() ? "(its own)" : "(Terrarium's)");
  }

  private static List<String> sorted(Set<String> names) {
    return names.stream().sorted().toList();
  }

  private static void checkRange(Problems problems, String what, int value, int max) {
    problems.check(
        value >= 1 && value <= max, "%s must be 1 to %d: %d".formatted(what, max, value));
  }
}
