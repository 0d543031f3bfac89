package dev.terrarium.worker;

import dev.terrarium.Isolation;
import dev.terrarium.PoolConfig;
import dev.terrarium.ResourceLimits;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/// What a pool asks its workers to be held to, in the kernel's words: files of a cgroup, and
/// resource limits.
public final class Bounds {
  private static final int CPU_PERIOD_MICROS = 100_000;

  private final Optional<Path> tree;
  private final Map<String, String> files;
  private final Map<String, Long> limits;

  /// @param tree the run's directory in the hierarchy of cgroups, for pools that ask for one
  Bounds(PoolConfig config, Optional<Path> tree) {
    this.tree = tree;
    this.files = files(config);
    this.limits = limits(config);
  }

  /// The controllers that the pool's cgroups need.
  public static Set<String> controllers(PoolConfig config) {
    var controllers = new TreeSet<String>();
    files(config).keySet().forEach(file -> controllers.add(file.substring(0, file.indexOf('.'))));
    return controllers;
  }

  private static Map<String, String> files(PoolConfig config) {
    var files = new LinkedHashMap<String, String>();
    if (isolated(config)) {
      ResourceLimits asked = config.limits();
      asked.memory().ifPresent(bytes -> files.put("memory.max", Long.toString(bytes)));
      asked.cpus().ifPresent(cpus -> files.put("cpu.max", quota(cpus)));
      asked.processes().ifPresent(count -> files.put("pids.max", Integer.toString(count)));
    }
    return files;
  }

  private static String quota(double cpus) {
    return Math.round(cpus * CPU_PERIOD_MICROS) + " " + CPU_PERIOD_MICROS;
  }

  private static Map<String, Long> limits(PoolConfig config) {
    ResourceLimits asked = config.limits();
    var limits = new LinkedHashMap<String, Long>();
    asked.addressSpace().ifPresent(bytes -> limits.put("address_space", bytes));
    asked.openFiles().ifPresent(count -> limits.put("open_files", (long) count));
    if (!isolated(config)) {
      asked.processes().ifPresent(count -> limits.put("processes", (long) count));
    }
    asked
        .cpuTime()
        .ifPresent(time -> limits.put("cpu_seconds", time.plusNanos(999_999_999).toSeconds()));
    return limits;
  }

  private static boolean isolated(PoolConfig config) {
    return config.isolation().contains(Isolation.CGROUP);
  }

  /// For the order of a worker; null where none was asked for.
  @Nullable Map<String, ?> cgroup() {
    return tree.map(path -> Map.<String, Object>of("tree", path.toString(), "files", files))
        .orElse(null);
  }

  /// For the order of a zygote, which has a cgroup, and no limits.
  @Nullable Map<String, ?> cgroupOfZygote() {
    return tree.map(path -> Map.<String, Object>of("tree", path.toString())).orElse(null);
  }

  /// For the order of a worker; null where none was asked for.
  @Nullable Map<String, Long> limits() {
    return limits.isEmpty() ? null : limits;
  }

  /// Whether anything was asked for.
  boolean any() {
    return tree.isPresent() || !limits.isEmpty();
  }
}
