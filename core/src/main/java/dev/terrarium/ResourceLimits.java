package dev.terrarium;

import static java.util.Objects.requireNonNull;

import java.time.Duration;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;

/// What each worker of a pool is held to. Immutable; what is not named is not limited:
/// `ResourceLimits.none().withAddressSpace(4L << 30).withCpuTime(Duration.ofHours(1))`.
///
/// `memory` and `cpus` are the cgroup's and hold for a worker together with all that it starts:
/// they need [Isolation#CGROUP], and a cgroup that has the controllers. The others are limits of a
/// process (`setrlimit(2)`): what a worker starts inherits them, each process for itself. A zygote
/// has none of them.
///
/// What cannot be had is a [StartFailedException] of the reason
/// [StartFailedException.Reason#CONTAINMENT] when the pool starts: a controller that is not
/// delegated, or a hard limit of the JVM that is lower.
///
/// @param memory bytes (`memory.max`). A worker that needs more gets SIGKILL from the kernel, and
///   its calls end with a [WorkerDiedException] that says so
/// @param cpus processors, such as 1.5 (`cpu.max`). A worker that wants more waits
/// @param processes with [Isolation#CGROUP] the processes and threads of a worker and of all that
///   it starts (`pids.max`). Without it `RLIMIT_NPROC`, which counts *all* processes and threads of
///   the user, those of other programs too, and does not bind root. Either way a worker needs two
///   for itself; who is over the limit gets an `OSError` (`BlockingIOError`) or `RuntimeError` in
///   Python
/// @param addressSpace bytes (`RLIMIT_AS`), mapped files and reserved memory included. Who needs
///   more gets a `MemoryError` in Python, and its caller a [ToolException]
/// @param openFiles descriptors (`RLIMIT_NOFILE`), at least [#OPEN_FILES_MIN]. Who needs more gets
///   an `OSError` in Python
/// @param cpuTime processor time in a worker's whole life (`RLIMIT_CPU`), in whole seconds, rounded
///   up. A worker that has used it up is killed (SIGXCPU; SIGKILL a second later), its calls end
///   with a [WorkerDiedException] that says so, and another takes its place
public record ResourceLimits(
    OptionalLong memory,
    OptionalDouble cpus,
    OptionalInt processes,
    OptionalLong addressSpace,
    OptionalInt openFiles,
    Optional<Duration> cpuTime) {
  /// Of open files a worker needs some for itself, and they have numbers from 200 on.
  public static final int OPEN_FILES_MIN = 256;

  /// The kernel's own smallest share of a processor.
  public static final double CPUS_MIN = 0.01;

  private static final Duration CPU_TIME_MAX = Duration.ofDays(36_500);

  public ResourceLimits {
    requireNonNull(memory, "memory");
    requireNonNull(cpus, "cpus");
    requireNonNull(processes, "processes");
    requireNonNull(addressSpace, "addressSpace");
    requireNonNull(openFiles, "openFiles");
    requireNonNull(cpuTime, "cpuTime");
    Problems problems = new Problems("limits");
    problems.check(memory.orElse(1) > 0, "memory must be positive: " + memory);
    problems.check(
        cpus.orElse(1) >= CPUS_MIN && cpus.orElse(1) <= 1_000_000,
        "cpus must be at least %s: %s".formatted(CPUS_MIN, cpus));
    problems.check(processes.orElse(1) > 0, "processes must be positive: " + processes);
    problems.check(addressSpace.orElse(1) > 0, "addressSpace must be positive: " + addressSpace);
    problems.check(
        openFiles.orElse(OPEN_FILES_MIN) >= OPEN_FILES_MIN,
        "openFiles must be at least %d: %s".formatted(OPEN_FILES_MIN, openFiles));
    cpuTime.ifPresent(
        time ->
            problems.check(
                time.isPositive() && time.compareTo(CPU_TIME_MAX) <= 0,
                "cpuTime must be positive, and at most %s: %s".formatted(CPU_TIME_MAX, time)));
    problems.throwIfAny();
  }

  /// Nothing is limited.
  public static ResourceLimits none() {
    return new ResourceLimits(
        OptionalLong.empty(),
        OptionalDouble.empty(),
        OptionalInt.empty(),
        OptionalLong.empty(),
        OptionalInt.empty(),
        Optional.empty());
  }

  /// These limits with `memory`, in bytes, for a worker and all that it starts.
  ///
  /// @throws IllegalArgumentException if it is not positive
  public ResourceLimits withMemory(long bytes) {
    return new ResourceLimits(
        OptionalLong.of(bytes), cpus, processes, addressSpace, openFiles, cpuTime);
  }

  /// These limits with `cpus`, in processors such as 1.5, for a worker and all that it starts.
  ///
  /// @throws IllegalArgumentException if it is less than [#CPUS_MIN], or more than a million
  public ResourceLimits withCpus(double processors) {
    return new ResourceLimits(
        memory, OptionalDouble.of(processors), processes, addressSpace, openFiles, cpuTime);
  }

  /// These limits with `processes`, a count of processes and threads; a worker needs two for
  /// itself.
  ///
  /// @throws IllegalArgumentException if it is not positive
  public ResourceLimits withProcesses(int count) {
    return new ResourceLimits(
        memory, cpus, OptionalInt.of(count), addressSpace, openFiles, cpuTime);
  }

  /// These limits with `addressSpace`, in bytes for each process.
  ///
  /// @throws IllegalArgumentException if it is not positive
  public ResourceLimits withAddressSpace(long bytes) {
    return new ResourceLimits(memory, cpus, processes, OptionalLong.of(bytes), openFiles, cpuTime);
  }

  /// These limits with `openFiles`, a count of descriptors for each process.
  ///
  /// @throws IllegalArgumentException if it is less than [#OPEN_FILES_MIN]
  public ResourceLimits withOpenFiles(int count) {
    return new ResourceLimits(
        memory, cpus, processes, addressSpace, OptionalInt.of(count), cpuTime);
  }

  /// These limits with `cpuTime`, processor time in a worker's whole life, rounded up to seconds.
  ///
  /// @throws IllegalArgumentException if it is not positive, or more than 36,500 days
  public ResourceLimits withCpuTime(Duration time) {
    requireNonNull(time, "time");
    return new ResourceLimits(memory, cpus, processes, addressSpace, openFiles, Optional.of(time));
  }
}
