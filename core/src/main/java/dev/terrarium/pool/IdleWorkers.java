package dev.terrarium.pool;

import dev.terrarium.worker.Worker;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The workers that can take a call, by how many they have. The least loaded goes first, among
/// equals the one that was used last: it is the one whose memory is still in the caches. Guarded by
/// the pool's lock.
final class IdleWorkers {
  private final int concurrency;
  private final int size;
  private final Map<Worker, Integer> loads = new HashMap<>();
  private final List<Deque<Worker>> byLoad = new ArrayList<>();

  /// @param size how many workers there are to be
  IdleWorkers(int concurrency, int size) {
    this.concurrency = concurrency;
    this.size = size;
  }

  // Each method takes the memory that it needs before it changes anything: one that fails half-way
  // would lose a worker.

  void add(Worker worker) {
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
  @Nullable Worker take() {
    for (int load = 0; load < byLoad.size(); load++) {
      Deque<Worker> loaded = byLoad.get(load);
      if (!loaded.isEmpty()) {
        prepare(load + 1);
        Integer more = load + 1;
        Worker worker = loaded.removeLast();
        loads.put(worker, more);
        offer(worker, load + 1);
        return worker;
      }
    }
    return null;
  }

  /// One call less; unknown workers are ignored, because they are gone.
  void giveBack(Worker worker) {
    Integer load = loads.get(worker);
    if (load != null && load > 0) {
      Integer less = load - 1;
      withdraw(worker, load);
      loads.put(worker, less);
      offer(worker, load - 1);
    }
  }

  boolean holds(Worker worker) {
    return loads.containsKey(worker);
  }

  void remove(Worker worker) {
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

  private void offer(Worker worker, int load) {
    if (load < concurrency) {
      byLoad.get(load).addLast(worker);
    }
  }

  private void withdraw(Worker worker, int load) {
    if (load < byLoad.size()) {
      byLoad.get(load).remove(worker);
    }
  }
}
