package dev.terrarium.pool;

import dev.terrarium.PoolClosedException;
import dev.terrarium.PoolConfig;
import dev.terrarium.PoolStats;
import dev.terrarium.StartFailedException;
import dev.terrarium.StartFailedException.Reason;
import dev.terrarium.TerrariumException;
import dev.terrarium.ToolInfo;
import dev.terrarium.wire.Messages.CancelReason;
import dev.terrarium.worker.Call;
import dev.terrarium.worker.End;
import dev.terrarium.worker.Texts;
import dev.terrarium.worker.Timer;
import dev.terrarium.worker.Worker;
import dev.terrarium.worker.WorkerListener;
import dev.terrarium.worker.WorkerState;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Brings calls and workers together. Callers are served in the order in which they came; among
/// free workers the one used last goes out first. A freed worker is handed straight to the oldest
/// waiting call, not put back for whoever is quickest.
///
/// One lock guards who is free, who waits and who exists. Nothing is sent, completed or logged
/// while it is held.
///
/// Threads: any. [#callEnded], [#ready] and [#gone] come from the runtime's loop thread and do not
/// block.
public final class WorkerPool implements WorkerListener {
  /// Deaths before readiness, in a row, after which a pool that has no worker says so to its
  /// callers.
  static final int START_FAILURES_MAX = 3;

  /// Beyond the three steps of stopping: how long the warden may take to report.
  static final Duration CLOSE_MARGIN = Duration.ofSeconds(3);

  private static final Logger LOG = LoggerFactory.getLogger(WorkerPool.class);

  private enum Phase {
    OPEN,
    CLOSING
  }

  private final PoolConfig config;
  private final WorkerMaker maker;
  private final Timer timer;
  private final PoolErrors errors;
  private final ReentrantLock lock = new ReentrantLock();
  private final IdleWorkers idle;
  private final LinkedHashSet<Call> waiting = new LinkedHashSet<>();
  private final LinkedHashSet<Worker> workers = new LinkedHashSet<>();
  private final CompletableFuture<Void> started = new CompletableFuture<>();
  private final CompletableFuture<Void> emptied = new CompletableFuture<>();
  private Phase phase = Phase.OPEN;
  private int starting;
  private int failures;
  private int forced;
  private final AtomicLong calls = new AtomicLong();
  private long restarts;
  private boolean tryIsDue;
  private @Nullable StartFailedException lastFailure;
  private volatile List<ToolInfo> tools = List.of();

  /// Makes the next worker of the pool; does not start it.
  public interface WorkerMaker {
    Worker make(WorkerListener listener);
  }

  public WorkerPool(PoolConfig config, WorkerMaker maker, Timer timer) {
    this.config = config;
    this.maker = maker;
    this.timer = timer;
    this.errors = new PoolErrors(config);
    this.idle = new IdleWorkers(config.concurrency());
  }

  /// Starts the workers and waits until all are ready.
  ///
  /// @throws StartFailedException saying what kept them; the pool is closed then
  public void start() {
    fill();
    try {
      started.get();
    } catch (InterruptedException e) {
      close();
      Thread.currentThread().interrupt();
      throw new StartFailedException(
          Reason.CANCELLED, "Pool '%s': interrupted while starting".formatted(config.name()), e);
    } catch (ExecutionException e) {
      close();
      throw e.getCause() instanceof StartFailedException failure
          ? new StartFailedException(
              failure.reason(), String.valueOf(failure.getMessage()), failure)
          : new IllegalStateException(e);
    }
  }

  public List<ToolInfo> tools() {
    return tools;
  }

  /// Gives a call to a worker, or puts it in the queue; its outcome says the rest.
  public void submit(Call call, Duration deadline) {
    Timer.Alarm alarm = timer.after(deadline, () -> deadlinePassed(call, deadline));
    call.whenDone(alarm::cancel);
    place(call);
  }

  private void place(Call call) {
    Worker worker;
    do {
      Supplier<TerrariumException> refusal;
      lock.lock();
      try {
        worker = null;
        refusal = refusal();
        if (refusal == null) {
          // Who waits goes first, also in the moment between a worker's readiness and its first
          // call.
          worker = waiting.isEmpty() ? idle.take() : null;
          if (worker == null) {
            refusal = enqueue(call);
          }
        }
      } finally {
        lock.unlock();
      }
      if (refusal != null) {
        call.fail(refusal);
      }
      // A worker that died since it was taken refuses the call, and the pool looks again.
    } while (worker != null && !given(worker, call));
  }

  // Under the lock.
  private @Nullable Supplier<TerrariumException> refusal() {
    if (phase != Phase.OPEN) {
      return errors::closed;
    }
    StartFailedException failure = lastFailure;
    if (failure != null && failures >= START_FAILURES_MAX && idle.count() == 0) {
      int inARow = failures;
      return () -> errors.noWorkers(failure, inARow);
    }
    return null;
  }

  // Under the lock.
  private @Nullable Supplier<TerrariumException> enqueue(Call call) {
    int queued = waiting.size();
    if (queued >= config.maxWaiting()) {
      String numbers = numbers();
      return () -> errors.queueFull(numbers, queued);
    }
    waiting.add(call);
    Timer.Alarm alarm = timer.after(config.maxWait(), () -> waitedTooLong(call));
    call.whenDone(
        () -> {
          alarm.cancel();
          unqueue(call); // whoever ended it may have looked here before it came
        });
    return null;
  }

  /// The caller gives up. The outcome is there when this returns.
  public void cancel(Call call) {
    boolean queued = unqueue(call);
    call.fail(() -> errors.cancelled(call, queued));
    if (!queued) {
      Worker.of(call).ifPresent(worker -> worker.interrupt(call, CancelReason.CANCELLED));
    }
  }

  private void deadlinePassed(Call call, Duration deadline) {
    Optional<Worker> worker = unqueue(call) ? Optional.empty() : Worker.of(call);
    if (worker.isPresent()) {
      worker.get().deadlinePassed(call, deadline);
      return;
    }
    String numbers = locked(this::numbers);
    call.fail(() -> errors.tooLateInTheQueue(call, deadline, numbers));
    // It may have been neither here nor there: on its way to a worker, which has it by now.
    Worker.of(call).ifPresent(late -> late.interrupt(call, CancelReason.DEADLINE));
  }

  private void waitedTooLong(Call call) {
    String numbers = locked(this::numbers);
    int queued = locked(waiting::size);
    if (unqueue(call)) {
      call.fail(() -> errors.waitedTooLong(numbers, queued));
    }
  }

  private boolean unqueue(Call call) {
    return locked(() -> waiting.remove(call));
  }

  @Override
  public void callEnded(Worker worker) {
    Call next;
    do {
      lock.lock();
      try {
        failures = 0;
        next = idle.holds(worker) && !waiting.isEmpty() ? waiting.removeFirst() : null;
        if (next == null) {
          idle.giveBack(worker);
        }
      } finally {
        lock.unlock();
      }
    } while (next != null && !hand(worker, next));
  }

  private boolean given(Worker worker, Call call) {
    boolean taken = worker.submit(call);
    if (taken) {
      calls.incrementAndGet();
    }
    return taken;
  }

  // True where the worker has the call now; otherwise the call is placed anew.
  private boolean hand(Worker worker, Call call) {
    if (call.isDone()) {
      return false; // given up in the meantime: the worker is still free for the next one
    }
    if (!given(worker, call)) {
      place(call);
    }
    return true;
  }

  @Override
  public void ready(Worker worker) {
    boolean welcome;
    lock.lock();
    try {
      starting--;
      welcome = phase == Phase.OPEN && worker.isReady();
      if (welcome) {
        idle.add(worker);
        lastFailure = null;
        tools = worker.tools();
      }
    } finally {
      lock.unlock();
    }
    if (!welcome) {
      return; // it was asked to stop in the meantime, or is about to be
    }
    serveWaiting();
    if (locked(() -> idle.count() == config.size())) {
      started.complete(null);
    }
    fill();
  }

  private void serveWaiting() {
    while (true) {
      Worker worker;
      Call call;
      lock.lock();
      try {
        if (waiting.isEmpty()) {
          return;
        }
        worker = idle.take();
        if (worker == null) {
          return;
        }
        call = waiting.removeFirst();
      } finally {
        lock.unlock();
      }
      if (!hand(worker, call)) {
        callEnded(worker);
      }
    }
  }

  @Override
  public void unavailable(Worker worker) {
    lock.lock();
    try {
      idle.remove(worker);
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void gone(Worker worker, WorkerState.Gone gone) {
    boolean wasReady = worker.wasReady();
    List<Call> hopeless = List.of();
    lock.lock();
    try {
      idle.remove(worker);
      workers.remove(worker);
      if (!wasReady) {
        starting--;
      }
      if (gone.end().cause() == End.Cause.START_FAILED) {
        lastFailure = errors.startFailed(worker, gone);
      }
      if (phase == Phase.OPEN && gone.end().cause() != End.Cause.NOT_FORKED) {
        restarts++;
        // A worker that served calls and then died says nothing about the next one's start.
        failures = worker.served() > 0 ? 0 : failures + 1;
        hopeless = giveUpWaiting();
      } else if (phase == Phase.CLOSING && workers.isEmpty()) {
        emptied.complete(null);
      }
    } finally {
      lock.unlock();
    }
    afterDeath(gone, hopeless);
  }

  // Under the lock.
  private List<Call> giveUpWaiting() {
    if (refusal() == null) {
      return List.of();
    }
    List<Call> all = List.copyOf(waiting);
    waiting.clear();
    return all;
  }

  private void afterDeath(WorkerState.Gone gone, List<Call> hopeless) {
    StartFailedException failure = locked(() -> lastFailure);
    if (failure != null) {
      int inARow = locked(() -> failures);
      hopeless.forEach(call -> call.fail(() -> errors.noWorkers(failure, inARow)));
      boolean finalWord = gone.end().startFailure() != Reason.WORKER_DIED;
      if (finalWord || locked(() -> failures >= START_FAILURES_MAX)) {
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
      boolean due = phase == Phase.OPEN && workers.size() < config.size();
      if (due && !tryIsDue) {
        tryIsDue = true;
        timer.after(Backoff.after(failures), this::fill);
      }
    } finally {
      lock.unlock();
    }
  }

  // Reserves places under the lock, starts the workers outside.
  private void fill() {
    List<Worker> fresh = new ArrayList<>();
    lock.lock();
    try {
      tryIsDue = false;
      while (phase == Phase.OPEN
          && workers.size() < config.size()
          && starting < config.startParallelism()) {
        Worker worker = maker.make(this);
        workers.add(worker);
        starting++;
        fresh.add(worker);
      }
    } finally {
      lock.unlock();
    }
    fresh.forEach(Worker::start);
  }

  /// Ends the pool: waiting and running calls fail with [PoolClosedException], workers are asked,
  /// then told, then killed. Returns when all are gone, or when that took too long and the runtime
  /// has to finish it.
  ///
  /// @return how many workers had to be ended by force
  public int close() {
    List<Call> abandoned;
    List<Worker> leaving;
    lock.lock();
    try {
      phase = Phase.CLOSING;
      abandoned = List.copyOf(waiting);
      waiting.clear();
      leaving = List.copyOf(workers);
      if (workers.isEmpty()) {
        emptied.complete(null);
      }
    } finally {
      lock.unlock();
    }
    abandoned.forEach(call -> call.fail(errors::closed));
    leaving.forEach(worker -> worker.stop("pool '" + config.name() + "' closes"));
    started.completeExceptionally(errors.closedWhileStarting());
    awaitEmpty();
    return locked(() -> forced);
  }

  @Override
  public void forced(Worker worker) {
    locked(() -> forced++);
  }

  private void awaitEmpty() {
    Duration limit = config.grace().multipliedBy(2).plus(CLOSE_MARGIN);
    boolean interrupted = false;
    long end = System.nanoTime() + limit.toNanos();
    while (true) {
      try {
        emptied.get(end - System.nanoTime(), TimeUnit.NANOSECONDS);
        break;
      } catch (InterruptedException e) {
        interrupted = true; // closing half-way would leave processes to the next layer
      } catch (TimeoutException e) {
        LOG.warn(
            "Pool '{}': {} workers are not gone after {}; the runtime kills what is left",
            config.name(),
            locked(workers::size),
            Texts.of(limit));
        break;
      } catch (ExecutionException e) {
        throw new IllegalStateException(e);
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  public PoolStats stats() {
    return locked(
        () -> {
          int busy = idle.busy();
          List<PoolStats.WorkerInfo> processes =
              workers.stream()
                  .filter(w -> w.pid() > 0)
                  .map(w -> new PoolStats.WorkerInfo(w.id(), w.pid()))
                  .toList();
          return new PoolStats(
              config.size(),
              idle.count() - busy,
              busy,
              starting,
              waiting.size(),
              calls.get(),
              restarts,
              processes);
        });
  }

  // Under the lock.
  private String numbers() {
    String base =
        "size %d, busy %d, waiting %d of %d"
            .formatted(config.size(), idle.busy(), waiting.size(), config.maxWaiting());
    return starting == 0 ? base : base + ", starting " + starting;
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
