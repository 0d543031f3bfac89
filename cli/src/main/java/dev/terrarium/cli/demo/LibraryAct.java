package dev.terrarium.cli.demo;

import static java.util.Objects.requireNonNull;

import dev.terrarium.Pool;
import dev.terrarium.PoolBuilder;
import dev.terrarium.PoolStats.WorkerInfo;
import dev.terrarium.TerrariumException;
import dev.terrarium.ToolException;
import dev.terrarium.cli.Terminal;
import dev.terrarium.cli.demo.DemoReport.Parsed;
import dev.terrarium.cli.demo.DemoReport.Started;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;

/// Act one: workers parse the whole standard library, Java adds it up.
final class LibraryAct {
  private static final Duration START_TIMEOUT = Duration.ofMinutes(2);
  private static final int PROGRESS_STEP = 10;
  private static final long EMPTY_CALLS_NANOS = 1_000_000_000;

  private final Terminal terminal;
  private final int filesMax;

  LibraryAct(Terminal terminal, int filesMax) {
    this.terminal = terminal;
    this.filesMax = filesMax;
  }

  /// @param begin when the start began, the runtime's included
  void play(PoolBuilder builder, long begin, DemoReport report) throws InterruptedException {
    terminal.progress("starting the workers ...");
    try (Pool pool = builder.startTimeout(START_TIMEOUT).start()) {
      long millis = millisSince(begin);
      Library library = requireNonNull(pool.call("library", Map.of(), Library.class));
      int size = pool.config().size();
      report.started(new Started(size, library.python(), library.folder(), millis));
      report.parsed(parse(pool, library));
    } finally {
      terminal.clearProgress();
    }
  }

  private Parsed parse(Pool pool, Library library) throws InterruptedException {
    List<String> files = library.files().stream().limit(filesMax).toList();
    AtomicInteger done = new AtomicInteger();
    List<Callable<Optional<ModuleStats>>> calls = new ArrayList<>();
    for (String file : files) {
      calls.add(
          () -> {
            var stats = parse(pool, file, library.folder());
            if (done.incrementAndGet() % PROGRESS_STEP == 0) {
              terminal.progress("files parsed: %d of %d".formatted(done.get(), files.size()));
            }
            return stats;
          });
    }
    long begin = System.nanoTime();
    Summary summary =
        new Summary(inParallel(pool, calls).stream().flatMap(Optional::stream).toList());
    long millis = millisSince(begin);
    return new Parsed(files.size(), summary, millis, emptyCallsPerSecond(pool), memory(pool));
  }

  // Some files of the library are no Python on purpose: they are there to test the parser.
  private static Optional<ModuleStats> parse(Pool pool, String file, String folder) {
    try {
      return Optional.ofNullable(
          pool.call("parse", Map.of("path", file, "folder", folder), ModuleStats.class));
    } catch (ToolException notPython) {
      return Optional.empty();
    }
  }

  /// As many calls at a time as there are workers: each caller is a virtual thread that waits.
  private static <T> List<T> inParallel(Pool pool, List<Callable<T>> calls)
      throws InterruptedException {
    List<T> results = new ArrayList<>();
    try (ExecutorService callers =
        Executors.newFixedThreadPool(pool.config().size(), Thread.ofVirtual().factory())) {
      for (Future<T> call : callers.invokeAll(calls)) {
        results.add(call.get());
      }
    } catch (ExecutionException e) {
      throw e.getCause() instanceof TerrariumException failure
          ? failure
          : new IllegalStateException(e.getCause());
    }
    return results;
  }

  private long emptyCallsPerSecond(Pool pool) throws InterruptedException {
    terminal.progress("measuring empty calls");
    long begin = System.nanoTime();
    Callable<Long> caller =
        () -> {
          long calls = 0;
          while (System.nanoTime() - begin < EMPTY_CALLS_NANOS) {
            pool.call("ping", Map.of(), Void.class);
            calls++;
          }
          return calls;
        };
    List<Callable<Long>> callers = Collections.nCopies(pool.config().size(), caller);
    long calls = inParallel(pool, callers).stream().mapToLong(Long::longValue).sum();
    return calls * 1000 / Math.max(1, millisSince(begin));
  }

  private static OptionalLong memory(Pool pool) {
    long[] bytes =
        pool.stats().workers().stream()
            .map(WorkerInfo::pid)
            .map(Witness::proportionalBytes)
            .flatMapToLong(OptionalLong::stream)
            .toArray();
    return bytes.length == 0
        ? OptionalLong.empty()
        : OptionalLong.of(java.util.Arrays.stream(bytes).sum() / bytes.length);
  }

  private static long millisSince(long nanos) {
    return (System.nanoTime() - nanos) / 1_000_000;
  }
}
