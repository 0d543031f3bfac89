package dev.terrarium.pool;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.terrarium.PoolConfig;
import dev.terrarium.PoolStats;
import dev.terrarium.StartFailedException;
import dev.terrarium.StartFailedException.Reason;
import dev.terrarium.TerrariumException;
import dev.terrarium.ToolInfo;
import dev.terrarium.base.Clock;
import dev.terrarium.base.Each;
import dev.terrarium.call.PooledWorker;
import dev.terrarium.call.StopReason;
import dev.terrarium.call.WorkerEnd;
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
final class WorkerSet {
  /// Deaths before readiness, in a row, after which a pool that has no worker says so to its
  /// callers.
  static final int START_FAILURES_MAX = 3;

  private final PoolConfig config;
  private final Supplier<PooledWorker> maker;
  private final IntSupplier parallelism;
  private final Clock clock;
  private final PoolErrors errors;
  private final Scheduler scheduler;
  private final ReentrantLock lock = new ReentrantLock();

  @GuardedBy("lock")
  private final LinkedHashSet<PooledWorker> workers = new LinkedHashSet<>();

  private final CompletableFuture<Void> started = new CompletableFuture<>();
  private final PoolShutdown shutdown;

  @GuardedBy("lock")
  private boolean open = true;

  private final Set<PooledWorker> starting = ConcurrentHashMap.newKeySet();
  private volatile int failures;

  @GuardedBy("lock")
  private long restarts;

  @GuardedBy("lock")
  private boolean tryIsDue;

  @GuardedBy("lock")
  private @Nullable StartFailedException lastFailure;

  private volatile List<ToolInfo> tools = List.of();

  WorkerSet(
      PoolConfig config,
      PoolErrors errors,
      Clock clock,
      Supplier<PooledWorker> maker,
      IntSupplier parallelism) {
    this.config = config;
    this.errors = errors;
    this.clock = clock;
    this.maker = maker;
    this.parallelism = parallelism;
    this.scheduler = new Scheduler(config, errors, clock, starting::size);
    this.shutdown = new PoolShutdown(config);
  }

  Scheduler scheduler() {
    return scheduler;
  }

  PoolShutdown shutdown() {
    return shutdown;
  }

  PoolErrors errors() {
    return errors;
  }

  /// The calls that workers have at this moment.
  long callsInFlight() {
    return present().stream().mapToLong(PooledWorker::callsInFlight).sum();
  }

  List<ToolInfo> tools() {
    return tools;
  }

  /// Starts the workers, and does not wait.
  void begin() {
    fill();
  }

  /// Starts the workers and waits until all are ready.
  void start() throws InterruptedException, ExecutionException {
    begin();
    started.get();
  }

  void ready(PooledWorker worker) {
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

  /// A worker takes no more calls.
  void unavailable(PooledWorker worker) {
    Each.of(scheduler.remove(worker), SlotRequest::stranded);
  }

  /// A worker is dead.
  void gone(PooledWorker worker, WorkerEnd end) {
    Runnable badNews = () -> {};
    List<SlotRequest> stranded;
    lock.lock();
    try {
      stranded = scheduler.remove(worker);
      boolean news = workers.remove(worker); // told twice where there was no memory to act on it
      starting.remove(worker);
      if (end.reason() instanceof StopReason.StartFailed failure) {
        lastFailure = errors.startFailed(worker, failure, end.stderrTail());
      }
      if (!open && workers.isEmpty()) {
        shutdown.emptied();
      }
      // One that could not be forked never was: the next one is its first try.
      if (open && !(end.reason() instanceof StopReason.NotForked)) {
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
    Each.of(stranded, SlotRequest::stranded);
    badNews.run();
    afterDeath(end);
  }

  // What it returns ends those who wait in vain, after the lock is left.
  @GuardedBy("lock")
  private Runnable judge() {
    StartFailedException last = lastFailure;
    int inARow = failures;
    if (last == null || inARow < START_FAILURES_MAX) {
      scheduler.hope();
      return () -> {};
    }
    Supplier<TerrariumException> why = () -> errors.noWorkers(last, inARow);
    List<SlotRequest> hopeless = scheduler.giveUp(why);
    return () -> hopeless.forEach(request -> request.refuse(why));
  }

  private void afterDeath(WorkerEnd end) {
    StartFailedException failure = lastFailure();
    if (failure != null) {
      boolean finalWord =
          end.reason() instanceof StopReason.StartFailed failed
              && failed.reason() != Reason.WORKER_DIED;
      if (finalWord || failures >= START_FAILURES_MAX) {
        started.completeExceptionally(failure); // has no effect on a pool that has started
      }
    }
    if (!started.isCompletedExceptionally()) {
      fillLater();
    }
  }

  private @Nullable StartFailedException lastFailure() {
    lock.lock();
    try {
      return lastFailure;
    } finally {
      lock.unlock();
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
    lock.lock();
    try {
      tryIsDue = false;
    } finally {
      lock.unlock();
    }
    PooledWorker next = reserve();
    while (next != null) {
      next.start();
      // One that has failed on the spot has its successor coming, later: at once that fails as
      // well.
      next = next.isGone() ? null : reserve();
    }
  }

  // A place, under the lock; the worker is started outside.
  private @Nullable PooledWorker reserve() {
    lock.lock();
    try {
      boolean room =
          open && workers.size() < config.size() && starting.size() < parallelism.getAsInt();
      if (!room) {
        return null;
      }
      PooledWorker worker = maker.get();
      workers.add(worker);
      starting.add(worker);
      return worker;
    } finally {
      lock.unlock();
    }
  }

  /// Takes no more calls, ends those that wait, and asks all workers to leave.
  void dismiss() {
    List<SlotRequest> abandoned;
    List<PooledWorker> leaving;
    lock.lock();
    try {
      open = false;
      abandoned = scheduler.close();
      leaving = List.copyOf(workers);
      if (workers.isEmpty()) {
        shutdown.emptied();
      }
    } finally {
      lock.unlock();
    }
    try {
      Each.of(abandoned, request -> request.refuse(errors::closed));
    } finally {
      started.completeExceptionally(errors.closedWhileStarting());
      var closes = new StopReason.PoolClosed("pool '" + config.name() + "' closes");
      Each.of(leaving, worker -> worker.stop(closes));
    }
  }

  /// Ends what those workers have whose end has not been reported: there is nothing to wait for.
  void abandon() {
    Each.of(present(), PooledWorker::abandon);
  }

  private List<PooledWorker> present() {
    lock.lock();
    try {
      return List.copyOf(workers);
    } finally {
      lock.unlock();
    }
  }

  /// How many there are, in whatever state.
  int count() {
    return present().size();
  }

  /// The pool as it is, with what its runtime knows about it.
  PoolStats stats(PoolFigures figures) {
    List<PoolStats.WorkerInfo> processes =
        present().stream().filter(worker -> worker.pid() > 0).map(PooledWorker::info).toList();
    lock.lock();
    try {
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
    } finally {
      lock.unlock();
    }
  }

  /// Ends workers that have calls and say nothing any more.
  ///
  /// @param told whom, with the stacks
  void endStuck(BiConsumer<PooledWorker, String> told) {
    present().forEach(worker -> worker.endIfStuck(told));
    fillLater(); // should a try have been lost when memory or threads ran out
  }

  /// Does what was left half-done because there was no memory, or no thread, for it: from time to
  /// time, by the runtime's watchdog.
  void mend() {
    present().forEach(PooledWorker::mend);
    scheduler.serveWaiting();
    if (!started.isCompletedExceptionally()) {
      fillLater();
    }
  }
}
