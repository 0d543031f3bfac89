package dev.terrarium.bench;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/// Callers that call without pause for a time: how long calls take, and how many there are a
/// second.
final class Rounds {
  private enum Phase {
    WARM_UP,
    PAUSE,
    COUNTED,
    OVER
  }

  private final Settings settings;

  /// Written under the lock of this, on which who pauses waits.
  private volatile Phase phase = Phase.PAUSE;

  private Rounds(Settings settings) {
    this.settings = settings;
  }

  /// Runs the workload and returns its figures by name.
  ///
  /// @throws WrongAnswerException when anything came back changed
  static Map<String, Object> run(Contestant contestant, Settings settings) throws Exception {
    return new Rounds(settings).run(contestant);
  }

  private Map<String, Object> run(Contestant contestant) throws Exception {
    List<Future<Stopwatch>> callers = new ArrayList<>();
    try (ExecutorService threads = threads()) {
      for (int i = 0; i < settings.callers(); i++) {
        Exchange exchange = Exchange.of(settings, contestant.caller(i), i);
        callers.add(threads.submit(() -> repeat(exchange)));
      }
      WarmUp.inBursts(settings.warmUpMillis(), this::burst);
      List<Long> below = ProcessTree.below();
      var here = ProcessTree.ownUsage();
      var there = ProcessTree.usage(below);
      long begin = System.nanoTime();
      enter(Phase.COUNTED);
      Thread.sleep(settings.millis());
      enter(Phase.OVER);
      List<Stopwatch> watches = all(callers);
      long nanos = System.nanoTime() - begin;
      here = ProcessTree.ownUsage().minus(here);
      there = ProcessTree.usage(below).minus(there);
      return figures(watches, nanos, here, there);
    } finally {
      enter(Phase.OVER);
    }
  }

  private void burst(long millis) throws InterruptedException {
    enter(Phase.WARM_UP);
    Thread.sleep(millis);
    enter(Phase.PAUSE);
  }

  private synchronized void enter(Phase next) {
    phase = next;
    notifyAll();
  }

  private synchronized void awaitPauseOver() throws InterruptedException {
    while (phase == Phase.PAUSE) {
      wait();
    }
  }

  private ExecutorService threads() {
    return settings.virtual()
        ? Executors.newVirtualThreadPerTaskExecutor()
        : Executors.newFixedThreadPool(settings.callers());
  }

  private Stopwatch repeat(Exchange exchange) throws Exception {
    var watch = new Stopwatch();
    while (phase != Phase.OVER) {
      if (phase == Phase.PAUSE) {
        awaitPauseOver();
        continue;
      }
      long nanos = exchange.once();
      // What begins in time counts to its end, however slow it is; so does the time until then.
      if (phase == Phase.COUNTED || phase == Phase.OVER) {
        watch.add(nanos);
      }
    }
    return watch;
  }

  private static List<Stopwatch> all(List<Future<Stopwatch>> callers) throws Exception {
    List<Stopwatch> watches = new ArrayList<>();
    for (Future<Stopwatch> caller : callers) {
      try {
        watches.add(caller.get());
      } catch (ExecutionException e) {
        throw e.getCause() instanceof Exception cause ? cause : e;
      }
    }
    return watches;
  }

  private static Map<String, Object> figures(
      List<Stopwatch> watches, long nanos, ProcessTree.Usage here, ProcessTree.Usage there) {
    long[] sorted = Stopwatch.sorted(watches);
    double calls = sorted.length;
    Map<String, Object> figures = new LinkedHashMap<>();
    figures.put("p50_us", Stopwatch.micros(sorted, 0.5));
    figures.put("p99_us", Stopwatch.micros(sorted, 0.99));
    figures.put("rate", calls / nanos * 1e9);
    figures.put("calls", sorted.length);
    figures.put("java_user_us", here.userMillis() * 1e3 / calls);
    figures.put("java_system_us", here.systemMillis() * 1e3 / calls);
    figures.put("python_user_us", there.userMillis() * 1e3 / calls);
    figures.put("python_system_us", there.systemMillis() * 1e3 / calls);
    return figures;
  }
}
