package dev.terrarium.pool;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.terrarium.Drain;
import dev.terrarium.PoolConfig;
import dev.terrarium.TerrariumException;
import dev.terrarium.base.Clock;
import dev.terrarium.call.PooledWorker;
import dev.terrarium.wire.Messages.CancelReason;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.IntSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// Who waits, and who has room: brings the two together. Requests are served in the order in which
/// they came, as far as their [Affinity] allows; among free workers the one used last goes out
/// first. A freed slot is handed straight to the oldest request that it can serve, not put back for
/// whoever is quickest.
///
/// One lock guards both lists. Nothing is sent, completed or logged while it is held. Threads: any.
final class Scheduler {
  private final PoolConfig config;
  private final PoolErrors errors;
  private final Clock clock;
  private final IntSupplier starting;
  private final ReentrantLock lock = new ReentrantLock();

  @GuardedBy("lock")
  private final IdleWorkers idle;

  @GuardedBy("lock")
  private final RequestQueue waiting = new RequestQueue();

  private final AtomicLong calls = new AtomicLong();

  @GuardedBy("lock")
  private boolean closed;

  /// Whom a pool that is shutting down still serves, null where it is not.
  @GuardedBy("lock")
  private @Nullable Drain drain;

  private final Condition calm = lock.newCondition();

  /// For those who only want to know whether to go on.
  private volatile boolean draining;

  /// The queue's length, for those who only want to know whether to make room.
  private volatile int length;

  @GuardedBy("lock")
  private @Nullable Supplier<TerrariumException> hopeless;

  private record Pairing(PooledWorker worker, SlotRequest request) {}

  /// @param starting how many workers may soon have room, for what is said to callers
  Scheduler(PoolConfig config, PoolErrors errors, Clock clock, IntSupplier starting) {
    this.config = config;
    this.errors = errors;
    this.clock = clock;
    this.starting = starting;
    this.idle = new IdleWorkers(config.concurrency(), config.size());
  }

  // --- Callers ---

  /// Gives a call to a worker, or puts it in the queue; its outcome says the rest.
  void submit(UnaryExchange call) {
    call.alarm(clock.after(call.deadline(), () -> deadlinePassed(call)));
    place(call);
  }

  /// Finds a slot for a request, now or when its turn comes, or refuses it.
  void place(SlotRequest request) {
    place(request, false);
  }

  // A request that had a slot or a turn before is nobody new.
  private void place(SlotRequest request, boolean known) {
    boolean again = known;
    PooledWorker worker;
    do {
      Supplier<TerrariumException> refusal = null;
      boolean stranded;
      lock.lock();
      try {
        worker = null;
        stranded = isStranded(request);
        refusal = stranded ? null : refusal(request, again);
        if (!stranded && refusal == null) {
          worker = slotAtOnce(request);
          if (worker == null) {
            refusal = enqueue(request);
          }
        }
      } finally {
        lock.unlock();
      }
      if (stranded) {
        request.stranded();
      } else if (refusal != null) {
        request.refuse(refusal);
      }
      again = true;
      // A worker that died since it was taken refuses the call, and the pool looks again.
    } while (worker != null && !assigned(worker, request));
  }

  @GuardedBy("lock")
  private boolean isStranded(SlotRequest request) {
    return request.affinity() instanceof Affinity.Only(PooledWorker worker) && !idle.holds(worker);
  }

  // Those who wait go first, also in the moment between a worker's readiness and its first call.
  @GuardedBy("lock")
  private @Nullable PooledWorker slotAtOnce(SlotRequest request) {
    Affinity affinity = request.affinity();
    if (affinity instanceof Affinity.Only(PooledWorker worker)) {
      return !waiting.awaited().contains(worker) && !waiting.anyWorkerWanted() && idle.take(worker)
          ? worker
          : null;
    }
    if (waiting.anyWorkerWanted()) {
      return null;
    }
    if (affinity instanceof Affinity.Preferred(PooledWorker worker)
        && !waiting.awaited().contains(worker)
        && idle.take(worker)) {
      return worker;
    }
    return waiting.isEmpty() ? idle.take() : idle.takeOtherThan(waiting.awaited());
  }

  @GuardedBy("lock")
  private @Nullable Supplier<TerrariumException> refusal(SlotRequest request, boolean again) {
    boolean served = drain == null || (again && isServed(request));
    return closed || served ? refusal() : errors::shuttingDown;
  }

  // A batch never ends with its turn: what it wants next is as good as a new call.
  @GuardedBy("lock")
  private boolean isServed(SlotRequest request) {
    return drain == Drain.ALL && request.counts();
  }

  @GuardedBy("lock")
  private @Nullable Supplier<TerrariumException> refusal() {
    if (closed) {
      return errors::closed;
    }
    return idle.count() == 0 ? hopeless : null;
  }

  @GuardedBy("lock")
  private @Nullable Supplier<TerrariumException> enqueue(SlotRequest request) {
    if (request.counts()) {
      int queued = waiting.counted();
      if (queued >= config.maxWaiting()) {
        String numbers = numbers();
        return () -> errors.queueFull(numbers, queued);
      }
    }
    waiting.add(request);
    length = waiting.size();
    request.queued();
    return null;
  }

  /// A call that has just come into the queue waits there no longer than `maxWait`.
  void limitWait(UnaryExchange call) {
    Clock.Alarm alarm = clock.after(config.maxWait(), () -> waitedTooLong(call));
    call.whenDone(
        () -> {
          alarm.cancel();
          unqueue(call); // whoever ended it may have looked here before it came
        });
  }

  /// The caller gives up. The outcome is there when this returns.
  void cancel(UnaryExchange call) {
    boolean queued = unqueue(call);
    call.fail(() -> errors.cancelled(call, queued));
    if (!queued) {
      interrupt(call, CancelReason.CANCELLED);
    }
  }

  private static void interrupt(UnaryExchange call, CancelReason reason) {
    PooledWorker worker = call.worker();
    if (worker != null) {
      worker.interrupt(call, reason);
    }
  }

  private void deadlinePassed(UnaryExchange call) {
    PooledWorker worker = unqueue(call) ? null : call.worker();
    if (worker != null) {
      worker.deadlinePassed(call, call.deadline());
      return;
    }
    String numbers = numbersNow();
    call.fail(() -> errors.tooLateInTheQueue(call, call.deadline(), numbers));
    // It may have been neither here nor there: on its way to a worker, which has it by now.
    interrupt(call, CancelReason.DEADLINE);
  }

  private void waitedTooLong(UnaryExchange call) {
    String numbers = numbersNow();
    int queued = waiting();
    if (unqueue(call)) {
      call.fail(() -> errors.waitedTooLong(numbers, queued));
    }
  }

  private boolean unqueue(SlotRequest request) {
    lock.lock();
    try {
      return left(request);
    } finally {
      lock.unlock();
    }
  }

  @GuardedBy("lock")
  private boolean left(SlotRequest request) {
    boolean was = waiting.remove(request);
    length = waiting.size();
    tellCalm();
    return was;
  }

  /// How many stand in the queue, those included that `maxWaiting` does not count. As of a moment
  /// ago: takes no lock.
  int length() {
    return length;
  }

  // --- Workers ---

  /// A new worker has room.
  void add(PooledWorker worker) {
    lock.lock();
    try {
      idle.add(worker);
      hopeless = null;
    } finally {
      lock.unlock();
    }
  }

  /// A worker takes no more calls.
  ///
  /// @return who waited for it alone; to be told by the caller, without a lock
  List<SlotRequest> remove(PooledWorker worker) {
    lock.lock();
    try {
      List<SlotRequest> stranded = waiting.awaiting(worker);
      stranded.forEach(waiting::remove);
      length = waiting.size();
      idle.remove(worker);
      tellCalm();
      return stranded;
    } finally {
      lock.unlock();
    }
  }

  /// A worker has room for one call more: the slot goes to the oldest request that it can serve.
  void slotFree(PooledWorker worker) {
    giveBack(worker);
    serveWaiting();
  }

  private void giveBack(PooledWorker worker) {
    lock.lock();
    try {
      idle.giveBack(worker);
      tellCalm();
    } finally {
      lock.unlock();
    }
  }

  /// Brings waiting requests to free workers until either run out.
  void serveWaiting() {
    for (Pairing next = pair(); next != null; next = pair()) {
      if (!assignedOrElsewhere(next)) {
        place(next.request(), true);
      }
    }
  }

  // A request that cannot be served for want of memory is placed once more; should there be none
  // for
  // that either, its deadline is its outcome.
  private boolean assignedOrElsewhere(Pairing pairing) {
    try {
      return assigned(pairing.worker(), pairing.request());
    } catch (VirtualMachineError e) {
      return false;
    }
  }

  private @Nullable Pairing pair() {
    lock.lock();
    try {
      SlotRequest oldest = waiting.isEmpty() ? null : waiting.oldest(idle);
      PooledWorker worker = oldest == null ? null : slotFor(oldest);
      if (oldest == null || worker == null) {
        return null;
      }
      Pairing pairing;
      try {
        pairing = new Pairing(worker, oldest);
      } catch (VirtualMachineError e) {
        idle.giveBack(worker);
        throw e;
      }
      left(oldest);
      return pairing;
    } finally {
      lock.unlock();
    }
  }

  @GuardedBy("lock")
  private @Nullable PooledWorker slotFor(SlotRequest oldest) {
    Affinity affinity = oldest.affinity();
    if (affinity instanceof Affinity.Only(PooledWorker worker)) {
      return idle.take(worker) ? worker : null;
    }
    return affinity instanceof Affinity.Preferred(PooledWorker worker) && idle.take(worker)
        ? worker
        : idle.take();
  }

  // False where the worker takes nothing, and another has to be looked for.
  private boolean assigned(PooledWorker worker, SlotRequest request) {
    if (request.isDone()) {
      giveBack(worker); // given up in the meantime: the worker is still free for the next one
      return true;
    }
    try {
      return request.assigned(worker);
    } catch (VirtualMachineError e) {
      giveBack(worker);
      throw e;
    }
  }

  /// Calls have reached a worker.
  void count(int more) {
    calls.addAndGet(more);
  }

  // --- The pool ---

  /// As long as there is no worker, calls fail with this.
  ///
  /// @return who waited and is not to wait any more; to be refused by the caller
  List<SlotRequest> giveUp(Supplier<TerrariumException> why) {
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

  /// No new call is taken any more.
  ///
  /// @return who waited and is not to wait any more; to be refused by the caller
  List<SlotRequest> drain(Drain whom) {
    lock.lock();
    try {
      drain = drain == Drain.RUNNING ? drain : whom;
      draining = true;
      List<SlotRequest> unserved = new ArrayList<>();
      for (SlotRequest request : waiting.all()) {
        if (!isServed(request)) {
          unserved.add(request);
        }
      }
      for (SlotRequest request : unserved) {
        left(request);
      }
      return unserved;
    } finally {
      lock.unlock();
    }
  }

  /// Whether no new call is taken. As of a moment ago: takes no lock.
  boolean isDraining() {
    return draining;
  }

  /// Waits until no worker has a call, and nobody waits for one.
  ///
  /// @param end for how long, of the nanosecond clock
  /// @return false where that was not so in time
  boolean awaitCalm(long end) throws InterruptedException {
    lock.lockInterruptibly();
    try {
      while (!isCalm()) {
        long left = end - System.nanoTime();
        if (left <= 0) {
          return false;
        }
        long _ = calm.awaitNanos(left);
      }
      return true;
    } finally {
      lock.unlock();
    }
  }

  @GuardedBy("lock")
  private boolean isCalm() {
    return waiting.isEmpty() && idle.busy() == 0;
  }

  @GuardedBy("lock")
  private void tellCalm() {
    if (drain != null && isCalm()) {
      calm.signalAll();
    }
  }

  /// No call is taken any more.
  ///
  /// @return who waited; to be refused by the caller
  List<SlotRequest> close() {
    lock.lock();
    try {
      closed = true;
      return abandonWaiting();
    } finally {
      lock.unlock();
    }
  }

  @GuardedBy("lock")
  private List<SlotRequest> abandonWaiting() {
    List<SlotRequest> all = waiting.all();
    waiting.clear();
    length = 0;
    tellCalm();
    return all;
  }

  /// How many workers take calls.
  int ready() {
    lock.lock();
    try {
      return idle.count();
    } finally {
      lock.unlock();
    }
  }

  /// How many of them have at least one.
  int busy() {
    lock.lock();
    try {
      return idle.busy();
    } finally {
      lock.unlock();
    }
  }

  /// Calls in the queue.
  int waiting() {
    lock.lock();
    try {
      return waiting.counted();
    } finally {
      lock.unlock();
    }
  }

  /// Calls that were given to a worker, ever.
  long calls() {
    return calls.get();
  }

  private String numbersNow() {
    lock.lock();
    try {
      return numbers();
    } finally {
      lock.unlock();
    }
  }

  @GuardedBy("lock")
  private String numbers() {
    String base =
        "size %d, busy %d, waiting %d of %d"
            .formatted(config.size(), idle.busy(), waiting.counted(), config.maxWaiting());
    int soon = starting.getAsInt();
    return soon == 0 ? base : base + ", starting " + soon;
  }
}
