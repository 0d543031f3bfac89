package dev.terrarium;

import dev.terrarium.testkit.FullHeap;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;

/// A program whose heap is full for a while, in the middle of the calls of 400 callers. Each makes
/// one call after the other; then it says what came of them, and of the errors that it provokes
/// when there is room again.
final class FullHeapCalls {
  private static final int CALLERS = 400;
  private static final Duration DEADLINE = Duration.ofSeconds(2);

  private FullHeapCalls() {}

  /// What became of the calls, by the class of what they threw; the callers' only memory.
  private static final Map<String, AtomicInteger> OUTCOMES = new TreeMap<>();

  private static volatile boolean over;

  static void main(String[] arguments) throws Exception {
    Duration full = Duration.parse(arguments[1]);
    try (Terrarium runtime = Endings.runtime(Path.of(arguments[0]));
        Pool pool = Endings.pool(runtime).size(4).deadline(DEADLINE).start()) {
      System.out.println("ready: " + pool.tool("echo").args("x").call(String.class));
      List<Thread> callers = new ArrayList<>();
      for (int i = 0; i < CALLERS; i++) {
        int number = i;
        callers.add(Thread.ofPlatform().daemon().start(() -> keepCalling(pool, number)));
      }
      boolean _ = FullHeap.hold(full);
      over = true;
      System.out.println("freed");
      long end = System.nanoTime() + Duration.ofSeconds(30).toNanos();
      int waiting = 0;
      for (Thread caller : callers) {
        boolean ended = caller.join(Duration.ofNanos(Math.max(1, end - System.nanoTime())));
        waiting += ended ? 0 : 1;
      }
      System.out.println("outcomes: " + OUTCOMES);
      System.out.println("callers without an outcome: " + waiting);
      Trouble.awaitWhole(pool);
      System.out.println("whole again");
      System.out.println("deadline: " + thrown(pool, "sleep", 100));
      System.out.println("tool: " + thrown(pool, "fail", "on purpose"));
      System.out.println("unknown: " + thrown(pool, "no_such_tool"));
      System.out.println("death: " + thrown(pool, "leave_at_once", 3));
      Trouble.awaitWhole(pool);
      System.out.println("queued: " + pool.stats().waiting());
      System.out.println("then: " + pool.tool("echo").args("y").call(String.class));
    }
    System.out.println("closed");
  }

  private static void keepCalling(Pool pool, int number) {
    while (!over) {
      Class<?> outcome = Object.class;
      try {
        boolean slow = number % 4 == 0;
        Object value =
            slow
                ? pool.tool("sleep").args(0.05).call(Object.class)
                : pool.tool("echo").args(number).call(Object.class);
        outcome = value == null ? Void.class : value.getClass();
      } catch (Throwable e) {
        outcome = e.getClass();
      }
      count(outcome);
    }
  }

  private static synchronized void count(Class<?> outcome) {
    while (true) {
      try {
        OUTCOMES
            .computeIfAbsent(outcome.getSimpleName(), _ -> new AtomicInteger())
            .incrementAndGet();
        return;
      } catch (OutOfMemoryError _) {
        Thread.onSpinWait(); // its caller waits for room
      }
    }
  }

  private static String thrown(Pool pool, String tool, Object... arguments) {
    try {
      return "value " + pool.tool(tool).args(arguments).call(Object.class);
    } catch (Throwable e) {
      return e.getClass().getSimpleName();
    }
  }
}
