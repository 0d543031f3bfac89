package dev.terrarium.pool;

import dev.terrarium.PoolConfig;
import dev.terrarium.PoolStats;
import dev.terrarium.StartFailedException;
import dev.terrarium.StartFailedException.Reason;
import dev.terrarium.TerrariumException;
import dev.terrarium.ToolInfo;
import dev.terrarium.base.Clock;
import dev.terrarium.base.Each;
import dev.terrarium.worker.End;
import dev.terrarium.worker.Worker;
import dev.terrarium.worker.WorkerState;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BiConsumer;
import java.util.function.IntSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// The workers that exist: starts as many as there are to be, replaces who is gone, later and later
/// where they die before they serve, and knows when to stop hoping.
///
/// One lock guards who exists. The scheduler's may be taken while it is held, never the other way
/// round. Nothing is started, completed or logged under it. Threads: any.
final class Crew {
  /// Deaths before readiness, in a row, after which a pool that has no worker says so to its
  /// callers.
  static final int START_FAILURES_MAX = 3;

  private final PoolConfig config;
  private final Supplier<Worker> maker;
  private final IntSupplier parallelism;
  private final Clock clock;
  private final PoolErrors errors;
  private final Scheduler scheduler;
  private final ReentrantLock lock = new ReentrantLock();
  private final LinkedHashSet<Worker> workers = new LinkedHashSet<>();
  private final CompletableFuture<Void> started = new CompletableFuture<>();
  private final Closing closing;
  private boolean open = true;
  private final Set<Worker> starting = ConcurrentHashMap.newKeySet();
  private volatile int failures;
  private long restarts;
  private boolean tryIsDue;
  private @Nullable StartFailedException lastFailure;
  private volatile List<ToolInfo> tools = List.of();

  Crew(
      PoolConfig config,
      PoolErrors errors,
      Clock clock,
      Supplier<Worker> maker,
      IntSupplier parallelism) {
    this.config = config;
    this.errors = errors;
    this.clock = clock;
    this.maker = maker;
    this.parallelism = parallelism;
    this.scheduler = new Scheduler(config, errors, clock, starting::size);
    this.closing = new Closing(config);
  }

  Scheduler scheduler() {
    return scheduler;
  }

  Closing closing() {
    return closing;
  }

  PoolErrors errors() {
    return errors;
  }

  /// The calls that workers have at this moment.
  long callsInFlight() {
    return locked(() -> List.copyOf(workers)).stream().mapToLong(Worker::callsInFlight).sum();
  }

  List<ToolInfo> tools() {
    return tools;
  }

  /// Starts the workers and waits until all are ready.
  void start() throws InterruptedException, ExecutionException {
    fill();
    started.get();
  }

  void ready(Worker worker) {
    boolean welcome;
    lock.lock();
    try {
      starting.remove(worker);
      welcome = open && worker.isReady();
      if (welcome) {
        scheduler.add(worker);
        lastFailure = null;
        tools = worker.tools();
      }
    } finally {
      lock.unlock();
    }
    if (!welcome) {
      return; // it was asked to stop in the meantime, or is about to be
    }
    scheduler.serveWaiting();
    if (scheduler.ready() == config.size()) {
      started.complete(null);
    }
    fill();
  }

  /// A worker has served a call: what went wrong before it did says nothing about the next one.
  void served() {
    if (failures > 0) { // nearly never, so that calls do not meet at this lock
      lock.lock();
      try {
        failures = 0;
        scheduler.hope();
      } finally {
        lock.unlock();
      }
    }
  }

  void gone(Worker worker, WorkerState.Gone gone) {
    Runnable badNews = () -> {};
    lock.lock();
    try {
      scheduler.remove(worker);
      boolean news = workers.remove(worker); // told twice where there was no memory to act on it
      starting.remove(worker);
      if (gone.end().cause() == End.Cause.START_FAILED) {
        lastFailure = errors.startFailed(worker, gone);
      }
      if (!open && workers.isEmpty()) {
        closing.emptied();
      }
      // One that could not be forked never was: the next one is its first try.
      if (open && gone.end().cause() != End.Cause.NOT_FORKED) {
        if (news) {
          restarts++;
          // A worker that served calls and then died says nothing about the next one's start.
          failures = worker.served() > 0 ? 0 : failures + 1;
        }
        badNews = judge();
      }
    } finally {
      lock.unlock();
    }
    badNews.run();
    afterDeath(gone);
  }

  // Under the lock; what it returns ends those who wait in vain, after the lock is left.
  private Runnable judge() {
    StartFailedException last = lastFailure;
    int inARow = failures;
    if (last == null || inARow < START_FAILURES_MAX) {
      scheduler.hope();
      return () -> {};
    }
    Supplier<TerrariumException> why = () -> errors.noWorkers(last, inARow);
    List<Seeker> hopeless = scheduler.giveUp(why);
    return () -> hopeless.forEach(seeker -> seeker.refuse(why));
  }

  private void afterDeath(WorkerState.Gone gone) {
    StartFailedException failure = locked(() -> lastFailure);
    if (failure != null) {
      boolean finalWord = gone.end().startFailure() != Reason.WORKER_DIED;
      if (finalWord || failures >= START_FAILURES_MAX) {
        started.completeExceptionally(failure); // has no effect on a pool that has started
      }
    }
    if (!started.isCompletedExceptionally()) {
      fillLater();
    }
  }

  private void fillLater() {
    lock.lock();
    try {
      boolean due = open && workers.size() < config.size();
      if (due && !tryIsDue) {
        clock.after(Backoff.after(failures), this::fill);
        tryIsDue = true; // after it: there may be no memory for a timer's entry
      }
    } finally {
      lock.unlock();
    }
  }

  private void fill() {
    locked(() -> tryIsDue = false);
    Worker next = reserve();
    while (next != null) {
      next.start();
      // One that has failed on the spot has its successor coming, later: at once that fails as
      // well.
      next = next.isGone() ? null : reserve();
    }
  }

  // A place, under the lock; the worker is started outside.
  private @Nullable Worker reserve() {
    lock.lock();
    try {
      boolean room =
          open && workers.size() < config.size() && starting.size() < parallelism.getAsInt();
      if (!room) {
        return null;
      }
      Worker worker = maker.get();
      workers.add(worker);
      starting.add(worker);
      return worker;
    } finally {
      lock.unlock();
    }
  }

  /// Takes no more calls, ends those that wait, and asks all workers to leave.
  void dismiss() {
    List<Seeker> abandoned;
    List<Worker> leaving;
    lock.lock();
    try {
      open = false;
      abandoned = scheduler.close();
      leaving = List.copyOf(workers);
      if (workers.isEmpty()) {
        closing.emptied();
      }
    } finally {
      lock.unlock();
    }
    try {
      Each.of(abandoned, seeker -> seeker.refuse(errors::closed));
    } finally {
      started.completeExceptionally(errors.closedWhileStarting());
      Each.of(leaving, worker -> worker.stop("pool '" + config.name() + "' closes"));
    }
  }

  /// Ends what those workers have whose end has not been reported: there is nothing to wait for.
  void abandon() {
    Each.of(locked(() -> List.copyOf(workers)), Worker::abandon);
  }

  /// How many there are, in whatever state.
  int count() {
    return locked(workers::size);
  }

  /// The pool as it is, with what its runtime knows about it.
  PoolStats stats(PoolFigures figures) {
    List<Worker> present = locked(() -> List.copyOf(workers));
    List<PoolStats.WorkerInfo> processes =
        present.stream().filter(worker -> worker.pid() > 0).map(Worker::info).toList();
    return locked(
        () -> {
          int busy = scheduler.busy();
          return new PoolStats(
              config.size(),
              scheduler.ready() - busy,
              busy,
              starting.size(),
              scheduler.waiting(),
              scheduler.calls(),
              restarts,
              figures.ledgerRows(),
              figures.processes(),
              figures.cleanupActivations(),
              processes);
        });
  }

  /// Ends workers that have calls and say nothing any more.
  ///
  /// @param told whom, with the stacks
  void endStuck(BiConsumer<Worker, String> told) {
    locked(() -> List.copyOf(workers)).forEach(worker -> worker.endIfStuck(told));
    fillLater(); // should a try have been lost when memory or threads ran out
  }

  /// Does what was left half-done because there was no memory, or no thread, for it: from time to
  /// time, by the runtime's watchdog.
  void mend() {
    locked(() -> List.copyOf(workers)).forEach(Worker::mend);
    scheduler.serveWaiting();
    if (!started.isCompletedExceptionally()) {
      fillLater();
    }
  }

  private <T extends @Nullable Object> T locked(Supplier<T> question) {
    lock.lock();
    try {
      return question.get();
    } finally {
      lock.unlock();
    }
  }
}
