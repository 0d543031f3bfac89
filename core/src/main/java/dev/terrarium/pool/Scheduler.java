package dev.terrarium.pool;

import dev.terrarium.PoolConfig;
import dev.terrarium.TerrariumException;
import dev.terrarium.wire.Messages.CancelReason;
import dev.terrarium.worker.Call;
import dev.terrarium.worker.Timer;
import dev.terrarium.worker.Worker;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.IntSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// Who waits, and who has room: brings the two together. Callers are served in the order in which
/// they came; among free workers the one used last goes out first. A freed worker is handed
/// straight to the oldest waiting call, not put back for whoever is quickest.
///
/// One lock guards both lists. Nothing is sent, completed or logged while it is held. Threads: any.
final class Scheduler {
  private final PoolConfig config;
  private final PoolErrors errors;
  private final Timer timer;
  private final IntSupplier starting;
  private final ReentrantLock lock = new ReentrantLock();
  private final IdleWorkers idle;
  private final LinkedHashSet<Call> waiting = new LinkedHashSet<>();
  private final AtomicLong calls = new AtomicLong();
  private boolean closed;
  private @Nullable Supplier<TerrariumException> hopeless;

  private record Pairing(Worker worker, Call call) {}

  /// @param starting how many workers may soon have room, for what is said to callers
  Scheduler(PoolConfig config, PoolErrors errors, Timer timer, IntSupplier starting) {
    this.config = config;
    this.errors = errors;
    this.timer = timer;
    this.starting = starting;
    this.idle = new IdleWorkers(config.concurrency());
  }

  // --- Callers ---

  /// Gives a call to a worker, or puts it in the queue; its outcome says the rest.
  void submit(Call call, Duration deadline) {
    Timer.Alarm alarm = timer.after(deadline, () -> deadlinePassed(call, deadline));
    call.alarm(alarm);
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
    if (closed) {
      return errors::closed;
    }
    return idle.count() == 0 ? hopeless : null;
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
  void cancel(Call call) {
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

  // --- Workers ---

  /// A new worker has room.
  void add(Worker worker) {
    lock.lock();
    try {
      idle.add(worker);
      hopeless = null;
    } finally {
      lock.unlock();
    }
  }

  /// A worker takes no more calls.
  void remove(Worker worker) {
    lock.lock();
    try {
      idle.remove(worker);
    } finally {
      lock.unlock();
    }
  }

  /// A worker has one call less: the place goes to whoever has waited longest.
  void callEnded(Worker worker) {
    giveBack(worker);
    serveWaiting();
  }

  private void giveBack(Worker worker) {
    lock.lock();
    try {
      idle.giveBack(worker);
    } finally {
      lock.unlock();
    }
  }

  /// Brings waiting calls to free workers until either run out.
  void serveWaiting() {
    for (Pairing next = pair(); next != null; next = pair()) {
      serve(next.worker(), next.call());
    }
  }

  private @Nullable Pairing pair() {
    lock.lock();
    try {
      Worker worker = waiting.isEmpty() ? null : idle.take();
      return worker == null ? null : new Pairing(worker, waiting.removeFirst());
    } finally {
      lock.unlock();
    }
  }

  private void serve(Worker worker, Call call) {
    if (call.isDone()) {
      giveBack(worker); // given up in the meantime: the worker is still free for the next one
    } else if (!given(worker, call)) {
      place(call);
    }
  }

  private boolean given(Worker worker, Call call) {
    boolean taken = worker.submit(call);
    if (taken) {
      calls.incrementAndGet();
    }
    return taken;
  }

  // --- The pool ---

  /// As long as there is no worker, calls fail with this.
  ///
  /// @return the calls that waited and are not to wait any more; the caller ends them
  List<Call> giveUp(Supplier<TerrariumException> why) {
    lock.lock();
    try {
      hopeless = why;
      return refusal() == null ? List.of() : abandonWaiting();
    } finally {
      lock.unlock();
    }
  }

  /// There is hope again.
  void hope() {
    lock.lock();
    try {
      hopeless = null;
    } finally {
      lock.unlock();
    }
  }

  /// No call is taken any more.
  ///
  /// @return the calls that waited; the caller ends them
  List<Call> close() {
    lock.lock();
    try {
      closed = true;
      return abandonWaiting();
    } finally {
      lock.unlock();
    }
  }

  // Under the lock.
  private List<Call> abandonWaiting() {
    List<Call> all = List.copyOf(waiting);
    waiting.clear();
    return all;
  }

  /// How many workers take calls.
  int ready() {
    return locked(idle::count);
  }

  /// How many of them have at least one.
  int busy() {
    return locked(idle::busy);
  }

  int waiting() {
    return locked(waiting::size);
  }

  /// Calls that were given to a worker, ever.
  long calls() {
    return calls.get();
  }

  // Under the lock.
  private String numbers() {
    String base =
        "size %d, busy %d, waiting %d of %d"
            .formatted(config.size(), idle.busy(), waiting.size(), config.maxWaiting());
    int soon = starting.getAsInt();
    return soon == 0 ? base : base + ", starting " + soon;
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
