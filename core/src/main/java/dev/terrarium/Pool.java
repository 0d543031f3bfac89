package dev.terrarium;

import static java.util.Objects.requireNonNull;

import dev.terrarium.base.Durations;
import dev.terrarium.call.PooledWorker;
import dev.terrarium.pool.Draining;
import dev.terrarium.pool.WorkerPool;
import dev.terrarium.warden.Wardens;
import dev.terrarium.wire.ValueCodec;
import dev.terrarium.worker.Zygote;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/// A pool of Python workers that run the tools of one adapter.
///
/// ```java
/// try (var pool = Pool.builder().adapter(Path.of("textstats.py")).start()) {
///   var f = pool.call("word_frequencies", Map.of("text", "a b a"), Frequencies.class);
/// }
/// ```
///
/// Each call has exactly one outcome: its result, or one [TerrariumException]. Callers are served
/// in the order in which they came. A worker that dies is replaced. Safe for use by many threads,
/// platform or virtual.
public final class Pool implements AutoCloseable {
  private final Terrarium runtime;
  private final PoolConfig config;
  private final ValueCodec codec;
  private final WorkerPool workers;
  private final Zygote zygote;
  private final Wardens wardens;

  Pool(
      Terrarium runtime,
      PoolConfig config,
      ValueCodec codec,
      WorkerPool workers,
      Zygote zygote,
      Wardens wardens) {
    this.runtime = runtime;
    this.config = config;
    this.codec = codec;
    this.workers = workers;
    this.zygote = zygote;
    this.wardens = wardens;
  }

  /// Describes a pool.
  public static PoolBuilder builder() {
    return new PoolBuilder();
  }

  /// Calls a tool with named arguments and waits; short for `tool(name).args(args).call(type)`.
  ///
  /// @return the result, null where the tool returned `None`; of a primitive type that is a
  ///   [ValueException]
  /// @throws TerrariumException one subclass for each thing that can be done about it
  public <T> @Nullable T call(String tool, Map<String, ?> args, Class<T> type) {
    requireNonNull(tool, "tool");
    requireNonNull(args, "args");
    return tool(tool).args(args).call(type);
  }

  /// A call with everything: positional and named arguments, a deadline, types with parameters,
  /// futures.
  public ToolCall tool(String name) {
    requireNonNull(name, "name");
    return new ToolCall(workers, codec, name, List.of(), Map.of(), config.deadline());
  }

  /// What the adapter offers, in the order of its definition.
  public List<ToolInfo> tools() {
    return workers.tools();
  }

  public String name() {
    return config.name();
  }

  public PoolConfig config() {
    return config;
  }

  /// The runtime that this pool belongs to.
  public Terrarium runtime() {
    return runtime;
  }

  /// The pool at this moment.
  public PoolStats stats() {
    return workers.stats(runtime.figures(config.name()));
  }

  /// Ends the pool: waiting and running calls fail with [PoolClosedException] at once, running
  /// tools are interrupted and their `finally` blocks run, `@on_stop` functions run, and each
  /// worker that has not ended within the pool's grace gets SIGTERM, after another grace SIGKILL.
  /// Returns when all of that is done. Closing twice does nothing.
  @Override
  public void close() {
    runtime.close(this);
  }

  /// Ends the pool without ending calls, as far as there is time: new calls, and those that wait
  /// for a worker, fail with [PoolClosedException], those that run are finished, and then the pool
  /// closes. Short for `shutdown(longest, Drain.RUNNING)`.
  ///
  /// @param longest how long calls may go on; closing takes its own time
  public ShutdownReport shutdown(Duration longest) {
    return shutdown(longest, Drain.RUNNING);
  }

  /// Ends the pool without ending calls, as far as there is time. New calls fail with
  /// [PoolClosedException] from the first moment on. Workers that die meanwhile are replaced. When
  /// no worker has a call any more, or the time is up, the pool is closed as by [#close()]: what
  /// still runs fails with [PoolClosedException].
  ///
  /// A batch is finished only as far as workers have its items: its next one is refused like a new
  /// call, and the stream then throws [PoolClosedException]. An interrupt ends the wait at once,
  /// closes the pool, and stays set. A closed pool has nothing to shut down.
  ///
  /// @param longest how long calls may go on; zero or less: not at all. Closing takes its own time
  /// @param drain which calls may
  public ShutdownReport shutdown(Duration longest, Drain drain) {
    requireNonNull(longest, "longest");
    requireNonNull(drain, "drain");
    long start = System.nanoTime();
    Draining draining = drain(drain);
    draining.await(start + Durations.nanos(longest));
    close();
    Duration took = Duration.ofNanos(System.nanoTime() - start);
    return new ShutdownReport(draining.finished(), draining.refused(), draining.cutOff(), took);
  }

  Draining drain(Drain drain) {
    return workers.drain(drain);
  }

  void endStuckWorkers(BiConsumer<PooledWorker, String> told) {
    workers.endStuck(told);
  }

  void mend() {
    workers.mend();
  }

  /// Who looks after its processes.
  Wardens wardens() {
    return wardens;
  }

  int closeWorkers() {
    int forced;
    try {
      zygote.end(); // first: it holds the orders of workers that are not forked yet
    } finally {
      forced = workers.close();
    }
    zygote.awaitEnd(config.grace());
    return forced;
  }

  /// The runtime has ended: whatever of this pool is not over yet is over now.
  void abandon() {
    workers.abandon();
  }
}
