package dev.terrarium.pool;

import dev.terrarium.Drain;
import dev.terrarium.PoolClosedException;
import dev.terrarium.PoolConfig;
import dev.terrarium.PoolStats;
import dev.terrarium.StartFailedException;
import dev.terrarium.StartFailedException.Reason;
import dev.terrarium.ToolInfo;
import dev.terrarium.base.Clock;
import dev.terrarium.call.Exchange;
import dev.terrarium.call.PooledWorker;
import dev.terrarium.call.WorkerEnd;
import dev.terrarium.call.WorkerListener;
import dev.terrarium.wire.Encoded;
import dev.terrarium.wire.MemoryFiles;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BiConsumer;
import java.util.function.IntSupplier;

/// A pool's inside: its [WorkerSet], the [Scheduler] that gives them calls, their [PoolShutdown].
///
/// Threads: any. [#callEnded], [#ready] and [#gone] come from the runtime's loop thread and do not
/// block.
public final class WorkerPool implements WorkerListener {
  private final PoolConfig config;
  private final Clock clock;
  private final WorkerSet workers;
  private final Scheduler scheduler;
  private final PoolShutdown shutdown;
  private final AtomicLong endedWhileDraining = new AtomicLong();
  private volatile MemoryFiles memory;

  /// Makes the next worker of the pool; does not start it.
  public interface WorkerMaker {
    PooledWorker make(WorkerListener listener);
  }

  /// @param parallelism how many workers may be starting at the same time
  /// @param memory where large arguments go, if the workers open memory files
  public WorkerPool(
      PoolConfig config,
      WorkerMaker maker,
      IntSupplier parallelism,
      Clock clock,
      MemoryFiles memory) {
    this.memory = memory;
    this.config = config;
    this.clock = clock;
    this.workers =
        new WorkerSet(config, new PoolErrors(config), clock, () -> maker.make(this), parallelism);
    this.scheduler = workers.scheduler();
    this.shutdown = workers.shutdown();
  }

  /// Starts the workers and waits until all are ready.
  ///
  /// @throws StartFailedException saying what kept them; the pool is to be closed then
  public void start() {
    try {
      workers.start();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new StartFailedException(
          Reason.CANCELLED, "Pool '%s': interrupted while starting".formatted(config.name()), e);
    } catch (ExecutionException e) {
      throw e.getCause() instanceof StartFailedException failure
          ? new StartFailedException(
              failure.reason(),
              String.valueOf(failure.getMessage()),
              failure.pythonStacks(),
              failure)
          : new IllegalStateException(e);
    }
  }

  /// Starts the workers, and does not wait.
  void begin() {
    workers.begin();
  }

  public List<ToolInfo> tools() {
    return workers.tools();
  }

  /// Where large arguments go.
  public MemoryFiles memory() {
    return memory;
  }

  /// A call with one answer, to be submitted.
  ///
  /// @param envelope the CALL's envelope without its deadline
  /// @param deadline from now on
  public UnaryExchange call(String tool, Encoded envelope, Duration deadline) {
    return new UnaryExchange(tool, envelope, deadline, scheduler, clock);
  }

  /// Gives a call to a worker, or puts it in the queue; its outcome says the rest.
  public void submit(UnaryExchange call) {
    scheduler.submit(call);
  }

  /// The caller gives up. The outcome is there when this returns.
  public void cancel(UnaryExchange call) {
    scheduler.cancel(call);
  }

  /// A batch of calls of one tool.
  public Batch batch(Batch.Setup setup) {
    boolean overlaps =
        tools().stream()
            .anyMatch(
                tool -> tool.name().equals(setup.tool()) && tool.kind() == ToolInfo.Kind.ASYNC);
    int slots = overlaps ? config.size() * config.concurrency() : config.size();
    return new Batch(setup, scheduler, clock, slots, !overlaps);
  }

  @Override
  public void ready(PooledWorker worker) {
    if (!worker.takesMemory()) {
      memory = MemoryFiles.none();
    }
    workers.ready(worker);
  }

  @Override
  public void callEnded(PooledWorker worker, Exchange call) {
    if (scheduler.isDraining()) {
      endedWhileDraining.incrementAndGet();
    }
    workers.served();
    call.released();
  }

  @Override
  public void unavailable(PooledWorker worker) {
    workers.unavailable(worker);
  }

  @Override
  public void forced(PooledWorker worker) {
    shutdown.forcedOne();
  }

  @Override
  public void gone(PooledWorker worker, WorkerEnd end) {
    workers.gone(worker, end);
  }

  /// Takes no new calls from now on, and lets others finish.
  public Draining drain(Drain whom) {
    long before = endedWhileDraining.get();
    List<SlotRequest> refused = scheduler.drain(whom);
    refused.forEach(request -> request.refuse(workers.errors()::shuttingDown));
    return new Draining(
        scheduler,
        () -> endedWhileDraining.get() - before,
        workers::callsInFlight,
        refused.stream().filter(SlotRequest::counts).count());
  }

  /// Ends the pool: waiting and running calls fail with [PoolClosedException], workers are asked,
  /// then told, then killed. Returns when all are gone, or when that took too long and the runtime
  /// has to finish it. No call is without its outcome then, whatever has become of its worker.
  ///
  /// @return how many workers had to be ended by force
  public int close() {
    try {
      workers.dismiss();
      shutdown.await(workers::count);
    } finally {
      workers.abandon();
    }
    return shutdown.forced();
  }

  /// The runtime has ended, and nobody will report anything: ends what is left of calls, and a
  /// [#close] that waits.
  public void abandon() {
    try {
      workers.dismiss();
    } finally {
      shutdown.emptied();
      workers.abandon();
    }
  }

  /// Does what was left half-done because there was no memory, or no thread, for it. Quick; from
  /// time to time.
  public void mend() {
    workers.mend();
  }

  public PoolStats stats(PoolFigures figures) {
    return workers.stats(figures);
  }

  /// Ends workers that were silent for longer than the pool's `stuckAfter` although they have
  /// calls.
  ///
  /// @param told each, with its stacks
  public void endStuck(BiConsumer<PooledWorker, String> told) {
    workers.endStuck(told);
  }
}
