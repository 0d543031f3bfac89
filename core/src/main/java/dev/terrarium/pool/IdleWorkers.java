package dev.terrarium.pool;

import dev.terrarium.call.PooledWorker;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// The workers that can take a call, by how many they have. The least loaded goes first, among
/// equals the one that was used last: it is the one whose memory is still in the caches. Guarded by
/// the pool's lock.
final class IdleWorkers {
  private final int concurrency;
  private final int size;
  private final Map<PooledWorker, Integer> loads = new HashMap<>();
  private final List<Deque<PooledWorker>> byLoad = new ArrayList<>();

  /// @param size how many workers there are to be
  IdleWorkers(int concurrency, int size) {
    this.concurrency = concurrency;
    this.size = size;
  }

  // Each method takes the memory that it needs before it changes anything: one that fails half-way
  // would lose a worker.

  void add(PooledWorker worker) {
    prepare(0);
    loads.put(worker, 0);
    offer(worker, 0);
  }

  private void prepare(int load) {
    while (byLoad.size() <= load && load < concurrency) {
      byLoad.add(new ArrayDeque<>(size + 1));
    }
  }

  /// The best worker, with one more call on it; null where all are full.
  @Nullable PooledWorker take() {
    for (int load = 0; load < byLoad.size(); load++) {
      Deque<PooledWorker> loaded = byLoad.get(load);
      if (!loaded.isEmpty()) {
        prepare(load + 1);
        Integer more = load + 1;
        PooledWorker worker = loaded.removeLast();
        loads.put(worker, more);
        offer(worker, load + 1);
        return worker;
      }
    }
    return null;
  }

  /// The best worker but for those, with one more call on it; null where all are full.
  @Nullable PooledWorker takeOtherThan(Set<PooledWorker> those) {
    for (Deque<PooledWorker> loaded : byLoad) {
      for (var all = loaded.descendingIterator(); all.hasNext(); ) {
        PooledWorker worker = all.next();
        if (!those.contains(worker)) {
          return take(worker) ? worker : null;
        }
      }
    }
    return null;
  }

  /// That worker, with one more call on it.
  ///
  /// @return false where it is full, or gone
  boolean take(PooledWorker worker) {
    Integer load = loads.get(worker);
    if (load == null || load >= concurrency) {
      return false;
    }
    prepare(load + 1);
    Integer more = load + 1;
    withdraw(worker, load);
    loads.put(worker, more);
    offer(worker, more);
    return true;
  }

  /// Whether any worker can take a call.
  boolean hasRoom() {
    return byLoad.stream().anyMatch(loaded -> !loaded.isEmpty());
  }

  /// Whether that worker can.
  boolean hasRoom(PooledWorker worker) {
    Integer load = loads.get(worker);
    return load != null && load < concurrency;
  }

  /// One call less; unknown workers are ignored, because they are gone.
  void giveBack(PooledWorker worker) {
    Integer load = loads.get(worker);
    if (load != null && load > 0) {
      Integer less = load - 1;
      withdraw(worker, load);
      loads.put(worker, less);
      offer(worker, load - 1);
    }
  }

  boolean holds(PooledWorker worker) {
    return loads.containsKey(worker);
  }

  void remove(PooledWorker worker) {
    Integer load = loads.remove(worker);
    if (load != null) {
      withdraw(worker, load);
    }
  }

  int count() {
    return loads.size();
  }

  int busy() {
    return (int) loads.values().stream().filter(load -> load > 0).count();
  }

  private void offer(PooledWorker worker, int load) {
    if (load < concurrency) {
      byLoad.get(load).addLast(worker);
    }
  }

  private void withdraw(PooledWorker worker, int load) {
    if (load < byLoad.size()) {
      byLoad.get(load).remove(worker);
    }
  }
}
