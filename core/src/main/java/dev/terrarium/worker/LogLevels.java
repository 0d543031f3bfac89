package dev.terrarium.worker;

import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Tells workers which levels slf4j has enabled for their Python loggers, so that a record that
/// nobody wants costs nothing. slf4j tells nobody when a level changes: as long as there are
/// workers that log, this asks once a second.
///
/// [#look] and what it calls belong to the log's thread, all else to everybody. The backend is
/// asked there, and by whoever starts a pool, once: who starts a worker may hold a lock, or be the
/// timer.
final class LogLevels {
  static final Duration LOOK_EVERY = Duration.ofSeconds(1);

  /// Of one pool. Loggers beyond these have the level of the nearest one above them.
  static final int LOGGERS_MAX = 10_000;

  private static final String ALL_OTHERS = "";
  private static final int INFO = 20;
  private static final long NEVER = Long.MAX_VALUE;

  /// Takes levels as Python counts them, by logger.
  interface Listener extends Consumer<Map<String, Integer>> {}

  private sealed interface News {}

  private record Announced(String pool, Listener worker, List<String> loggers) implements News {}

  private record Gone(String pool, Listener worker) implements News {}

  private static final class OfPool {
    final Map<String, Integer> known = new HashMap<>();
    final Set<Listener> workers = new HashSet<>();
  }

  private final Queue<News> news = new ConcurrentLinkedQueue<>();
  private final Map<String, Integer> ofPools = new ConcurrentHashMap<>();
  private final Map<String, OfPool> pools = new HashMap<>();
  private volatile long nextLook = NEVER;

  /// The lowest level that is wanted of a pool's loggers, as Python counts.
  int ofPool(String pool) {
    return ofPools.getOrDefault(pool, INFO);
  }

  /// A pool is about to start its first worker.
  void begins(String pool) {
    ofPools.put(pool, wanted(pool, ALL_OTHERS));
  }

  /// A worker has these loggers, and is told their levels from now on.
  void announced(String pool, Listener worker, List<String> loggers) {
    news.add(new Announced(pool, worker, loggers));
  }

  void gone(String pool, Listener worker) {
    news.add(new Gone(pool, worker));
  }

  /// How long there is nothing to look at; 0 or less where there is now.
  long nanosUntilLook() {
    if (!news.isEmpty()) {
      return 0;
    }
    long next = nextLook;
    return next == NEVER ? NEVER : next - System.nanoTime();
  }

  /// Does what is due.
  void look() {
    for (News each = news.poll(); each != null; each = news.poll()) {
      switch (each) {
        case Announced announced -> answer(announced);
        case Gone(String pool, Listener worker) -> forget(pool, worker);
      }
    }
    if (nanosUntilLook() <= 0) {
      nextLook = System.nanoTime() + LOOK_EVERY.toNanos(); // first: where this fails it is not due
      pools.forEach(this::tellChanges);
    }
  }

  private void answer(Announced announced) {
    OfPool pool = pools.computeIfAbsent(announced.pool, _ -> new OfPool());
    var levels = new HashMap<String, Integer>();
    int others = known(announced.pool, pool, ALL_OTHERS);
    levels.put(ALL_OTHERS, others);
    ofPools.put(announced.pool, others);
    for (String logger : announced.loggers) {
      if (pool.known.containsKey(logger) || pool.known.size() < LOGGERS_MAX) {
        levels.put(logger, known(announced.pool, pool, logger));
      }
    }
    pool.workers.add(announced.worker);
    announced.worker.accept(levels);
    if (nextLook == NEVER) {
      nextLook = System.nanoTime() + LOOK_EVERY.toNanos();
    }
  }

  private static int known(String name, OfPool pool, String logger) {
    return pool.known.computeIfAbsent(logger, _ -> wanted(name, logger));
  }

  private void forget(String name, Listener worker) {
    OfPool pool = pools.get(name);
    if (pool != null && pool.workers.remove(worker) && pool.workers.isEmpty()) {
      pools.remove(name);
    }
    if (pools.isEmpty()) {
      nextLook = NEVER;
    }
  }

  private void tellChanges(String name, OfPool pool) {
    var changed = new HashMap<String, Integer>();
    for (Map.Entry<String, Integer> known : pool.known.entrySet()) {
      int now = wanted(name, known.getKey());
      if (now != known.getValue()) {
        known.setValue(now);
        changed.put(known.getKey(), now);
      }
    }
    if (!changed.isEmpty()) {
      ofPools.computeIfPresent(name, (_, old) -> changed.getOrDefault(ALL_OTHERS, old));
      pool.workers.forEach(worker -> worker.accept(changed));
    }
  }

  private static int wanted(String pool, String pythonLogger) {
    Logger logger = LoggerFactory.getLogger(WorkerLog.loggerName(pool, pythonLogger));
    if (logger.isTraceEnabled()) {
      return 1;
    } else if (logger.isDebugEnabled()) {
      return 10;
    } else if (logger.isInfoEnabled()) {
      return INFO;
    } else if (logger.isWarnEnabled()) {
      return 30;
    }
    return logger.isErrorEnabled() ? 40 : 60; // 50 is Python's CRITICAL, and an error here
  }
}
