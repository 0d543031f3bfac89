package dev.terrarium.testkit;

import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;

/// What there is at a moment, to be compared with a later one.
///
/// Others may use the machine at the same time, other builds of this very project too. So only that
/// counts which this JVM can have made: what descends from it, even if it got away ([Descent]),
/// what is in its own directory for temporary files and for sockets, and what one of its processes
/// was seen with in the places that everybody shares ([SharedPlaces]).
///
/// @param descriptors how many of this JVM's descriptors point to what
/// @param files sockets and directories of ours, and shared memory
public record Leftovers(
    List<Procs.Proc> processes,
    Map<Long, String> threads,
    Map<String, Long> descriptors,
    Set<String> files) {
  /// How long something may take to go.
  public static final Duration PATIENCE = Duration.ofSeconds(5);

  private static final long PAUSE_NANOS = 10_000_000;

  public static Leftovers now() {
    return new Leftovers(Scan.processes(), Scan.threads(), Scan.descriptors(), Scan.files());
  }

  /// The same, for the middle of a runtime's life: it keeps memory files for its next calls.
  Leftovers allowingKeptMemory() {
    Map<String, Long> allowed = new HashMap<>(descriptors);
    allowed.put("/memfd:terrarium (deleted)", Long.MAX_VALUE);
    return new Leftovers(processes, threads, allowed, files);
  }

  /// Waits until nothing is there that was not there before.
  ///
  /// @throws AssertionError that lists what is left when the time is up
  public void assertNothingNew(Duration patience) {
    long end = System.nanoTime() + patience.toNanos();
    List<String> left = newSince();
    while (!left.isEmpty() && System.nanoTime() < end) {
      LockSupport.parkNanos(PAUSE_NANOS);
      left = newSince();
    }
    if (!left.isEmpty()) {
      throw new AssertionError("something is left:\n  " + String.join("\n  ", left));
    }
  }

  /// What is there now and was not there before, for people.
  public List<String> newSince() {
    return Stream.of(newProcesses(), newThreads(), newDescriptors(), newFiles())
        .flatMap(List::stream)
        .toList();
  }

  private List<String> newProcesses() {
    return Scan.processes().stream()
        .filter(proc -> processes.stream().noneMatch(proc::is))
        .map(proc -> "process " + proc)
        .toList();
  }

  private List<String> newThreads() {
    return Scan.threads().entrySet().stream()
        .filter(thread -> !threads.containsKey(thread.getKey()))
        .map(thread -> "thread " + thread.getValue())
        .toList();
  }

  private List<String> newDescriptors() {
    return Scan.descriptors().entrySet().stream()
        .filter(target -> target.getValue() > descriptors.getOrDefault(target.getKey(), 0L))
        .map(target -> "descriptor " + target.getKey() + " x" + target.getValue())
        .toList();
  }

  private List<String> newFiles() {
    return Scan.files().stream()
        .filter(file -> !files.contains(file))
        .map(file -> "file " + file)
        .toList();
  }
}
