package dev.terrarium.warden;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.terrarium.process.ProcessIdentity;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// The processes that one warden looks after, by the numbers that they bear: from the order until
/// nothing is left of them.
///
/// Safe for use by many threads.
final class Roster {
  @GuardedBy("this")
  private final Map<Long, WorkerProcess> processes = new HashMap<>();

  @GuardedBy("this")
  private final Map<Long, ProcessIdentity> alive = new HashMap<>();

  @GuardedBy("this")
  private final Set<Long> dead = new HashSet<>();

  /// Who was on it.
  ///
  /// @param alive who had started and not died, as far as the warden had said so
  /// @param dead of whose death the warden had told
  record All(Map<Long, WorkerProcess> processes, List<ProcessIdentity> alive, Set<Long> dead) {}

  synchronized void ordered(long number, WorkerProcess process) {
    processes.put(number, process);
  }

  synchronized @Nullable WorkerProcess find(long number) {
    return processes.get(number);
  }

  /// Who it is, as long as it is not known to be dead.
  synchronized Optional<ProcessIdentity> identity(long number) {
    return Optional.ofNullable(alive.get(number));
  }

  synchronized void lives(long number, ProcessIdentity identity) {
    alive.put(number, identity);
  }

  synchronized void died(long number) {
    alive.remove(number);
    dead.add(number);
  }

  synchronized void forget(long number) {
    processes.remove(number);
    alive.remove(number);
    dead.remove(number);
    notifyAll();
  }

  synchronized int alive() {
    return alive.size();
  }

  /// Takes everybody off it.
  synchronized All takeAll() {
    var all = new All(Map.copyOf(processes), List.copyOf(alive.values()), Set.copyOf(dead));
    processes.clear();
    alive.clear();
    dead.clear();
    notifyAll();
    return all;
  }

  /// Waits until nobody is on it, or the time is over.
  synchronized void awaitEmpty(Duration timeout) throws InterruptedException {
    long end = System.nanoTime() + timeout.toNanos();
    for (long left = timeout.toNanos(); !processes.isEmpty() && left > 0; ) {
      TimeUnit.NANOSECONDS.timedWait(this, left);
      left = end - System.nanoTime();
    }
  }
}
