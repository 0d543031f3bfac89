package dev.terrarium.pool;

import dev.terrarium.call.PooledWorker;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// The requests that wait for a slot, in the order in which they came. Those for one worker alone
/// stand in a line of their own, so that they hold up nobody; where a worker could serve two lines,
/// the older request goes first. Guarded by the scheduler's lock.
final class RequestQueue {
  private record Waiting(SlotRequest request, long number, @Nullable PooledWorker only) {}

  /// For any worker.
  private final LinkedHashMap<SlotRequest, Waiting> shared = new LinkedHashMap<>();

  /// For one worker alone; no line is empty.
  private final Map<PooledWorker, LinkedHashMap<SlotRequest, Waiting>> pinned = new HashMap<>();

  private long numbers;
  private int size;
  private int counted;

  void add(SlotRequest request) {
    PooledWorker only =
        request.affinity() instanceof Affinity.Only(PooledWorker worker) ? worker : null;
    var waiting = new Waiting(request, ++numbers, only);
    if (only == null) {
      shared.put(request, waiting);
    } else {
      addPinned(only, waiting);
    }
    size++; // last: where there was no memory for it, nobody is counted
    counted += request.counts() ? 1 : 0;
  }

  // The line comes into the map with its first request: none is ever empty, not even for want of
  // memory.
  private void addPinned(PooledWorker only, Waiting waiting) {
    LinkedHashMap<SlotRequest, Waiting> line = pinned.get(only);
    if (line == null) {
      line = new LinkedHashMap<>();
      line.put(waiting.request(), waiting);
      pinned.put(only, line);
    } else {
      line.put(waiting.request(), waiting);
    }
  }

  /// Takes a request out.
  ///
  /// @return whether it waited
  boolean remove(SlotRequest request) {
    boolean was = shared.remove(request) != null || removePinned(request);
    if (was) {
      size--;
      counted -= request.counts() ? 1 : 0;
    }
    return was;
  }

  private boolean removePinned(SlotRequest request) {
    for (var lines = pinned.values().iterator(); lines.hasNext(); ) {
      LinkedHashMap<SlotRequest, Waiting> line = lines.next();
      if (line.remove(request) != null) {
        if (line.isEmpty()) {
          lines.remove();
        }
        return true;
      }
    }
    return false;
  }

  int size() {
    return size;
  }

  boolean isEmpty() {
    return size == 0;
  }

  /// How many of them `maxWaiting` counts.
  int counted() {
    return counted;
  }

  /// Whether somebody waits whom any worker could serve.
  boolean anyWorkerWanted() {
    return !shared.isEmpty();
  }

  /// The workers that somebody waits for, each alone. A view.
  Set<PooledWorker> awaited() {
    return pinned.keySet();
  }

  /// The oldest of those who can be served now; null where there is none.
  @Nullable SlotRequest oldest(IdleWorkers idle) {
    Waiting oldest = !shared.isEmpty() && idle.hasRoom() ? shared.firstEntry().getValue() : null;
    for (var line : pinned.entrySet()) {
      Waiting first = line.getValue().firstEntry().getValue();
      if ((oldest == null || first.number() < oldest.number()) && idle.hasRoom(line.getKey())) {
        oldest = first;
      }
    }
    return oldest == null ? null : oldest.request();
  }

  /// Those who wait for this worker alone.
  List<SlotRequest> awaiting(PooledWorker worker) {
    LinkedHashMap<SlotRequest, Waiting> line = pinned.get(worker);
    return line == null ? List.of() : List.copyOf(line.keySet());
  }

  /// All of them, the oldest first.
  List<SlotRequest> all() {
    List<Waiting> all = new ArrayList<>(shared.values());
    pinned.values().forEach(line -> all.addAll(line.values()));
    all.sort(Comparator.comparingLong(Waiting::number));
    return all.stream().map(Waiting::request).toList();
  }

  void clear() {
    shared.clear();
    pinned.clear();
    size = 0;
    counted = 0;
  }
}
