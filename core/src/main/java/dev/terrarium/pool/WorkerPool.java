package dev.terrarium.pool;

import dev.terrarium.Drain;
import dev.terrarium.PoolClosedException;
import dev.terrarium.PoolConfig;
import dev.terrarium.PoolStats;
import dev.terrarium.StartFailedException;
import dev.terrarium.StartFailedException.Reason;
import dev.terrarium.ToolInfo;
import dev.terrarium.wire.MemoryFiles;
import dev.terrarium.worker.Call;
import dev.terrarium.worker.Timer;
import dev.terrarium.worker.Worker;
import dev.terrarium.worker.WorkerListener;
import dev.terrarium.worker.WorkerState;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BiConsumer;
import java.util.function.IntSupplier;

/// A pool's inside: the [Crew] of workers, the [Scheduler] that gives them calls, their [Closing].
///
/// Threads: any. [#callEnded], [#ready] and [#gone] come from the runtime's loop thread and do not
/// block.
public final class WorkerPool implements WorkerListener {
  private final PoolConfig config;
  private final Timer timer;
  private final Crew crew;
  private final Scheduler scheduler;
  private final Closing closing;
  private final AtomicLong endedWhileDraining = new AtomicLong();
  private volatile MemoryFiles memory;

  /// Makes the next worker of the pool; does not start it.
  public interface WorkerMaker {
    Worker make(WorkerListener listener);
  }

  /// @param parallelism how many workers may be starting at the same time
  /// @param memory where large arguments go, if the workers open memory files
  public WorkerPool(
      PoolConfig config,
      WorkerMaker maker,
      IntSupplier parallelism,
      Timer timer,
      MemoryFiles memory) {
    this.memory = memory;
    this.config = config;
    this.timer = timer;
    this.crew =
        new Crew(config, new PoolErrors(config), timer, () -> maker.make(this), parallelism);
    this.scheduler = crew.scheduler();
    this.closing = crew.closing();
  }

  /// Starts the workers and waits until all are ready.
  ///
  /// @throws StartFailedException saying what kept them; the pool is to be closed then
  public void start() {
    try {
      crew.start();
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

  public List<ToolInfo> tools() {
    return crew.tools();
  }

  /// Where large arguments go.
  public MemoryFiles memory() {
    return memory;
  }

  /// Gives a call to a worker, or puts it in the queue; its outcome says the rest.
  public void submit(Call call, Duration deadline) {
    scheduler.submit(call, deadline);
  }

  /// The caller gives up. The outcome is there when this returns.
  public void cancel(Call call) {
    scheduler.cancel(call);
  }

  /// A batch of calls of one tool.
  public Batch batch(Batch.Setup setup) {
    boolean overlaps =
        tools().stream()
            .anyMatch(
                tool -> tool.name().equals(setup.tool()) && tool.kind() == ToolInfo.Kind.ASYNC);
    int places = overlaps ? config.size() * config.concurrency() : config.size();
    return new Batch(setup, scheduler, timer, places, !overlaps);
  }

  @Override
  public void ready(Worker worker) {
    if (!worker.takesMemory()) {
      memory = MemoryFiles.none();
    }
    crew.ready(worker);
  }

  @Override
  public void callEnded(Worker worker, Call call) {
    if (scheduler.isDraining()) {
      endedWhileDraining.incrementAndGet();
    }
    crew.served();
    Call.Row row = call.row();
    if (row == null) {
      scheduler.callEnded(worker);
    } else {
      row.over(call); // it keeps its place as long as it has calls there
    }
  }

  @Override
  public void unavailable(Worker worker) {
    scheduler.remove(worker);
  }

  @Override
  public void forced(Worker worker) {
    closing.forcedOne();
  }

  @Override
  public void gone(Worker worker, WorkerState.Gone gone) {
    crew.gone(worker, gone);
  }

  /// Takes no new calls from now on, and lets others finish.
  public Draining drain(Drain whom) {
    long before = endedWhileDraining.get();
    List<Seeker> refused = scheduler.drain(whom);
    refused.forEach(seeker -> seeker.refuse(crew.errors()::shuttingDown));
    return new Draining(
        scheduler,
        () -> endedWhileDraining.get() - before,
        crew::callsInFlight,
        refused.stream().filter(Seeker::counts).count());
  }

  /// Ends the pool: waiting and running calls fail with [PoolClosedException], workers are asked,
  /// then told, then killed. Returns when all are gone, or when that took too long and the runtime
  /// has to finish it. No call is without its outcome then, whatever has become of its worker.
  ///
  /// @return how many workers had to be ended by force
  public int close() {
    try {
      crew.dismiss();
      closing.await(crew::count);
    } finally {
      crew.abandon();
    }
    return closing.forced();
  }

  /// The runtime has ended, and nobody will report anything: ends what is left of calls, and a
  /// [#close] that waits.
  public void abandon() {
    try {
      crew.dismiss();
    } finally {
      closing.emptied();
      crew.abandon();
    }
  }

  /// Does what was left half-done because there was no memory, or no thread, for it. Quick; from
  /// time to time.
  public void mend() {
    crew.mend();
  }

  public PoolStats stats(PoolFigures figures) {
    return crew.stats(figures);
  }

  /// Ends workers that were silent for longer than the pool's `stuckAfter` although they have
  /// calls.
  ///
  /// @param told each, with its stacks
  public void endStuck(BiConsumer<Worker, String> told) {
    crew.endStuck(told);
  }
}
