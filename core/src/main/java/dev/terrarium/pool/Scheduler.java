package dev.terrarium.pool;

import dev.terrarium.Drain;
import dev.terrarium.PoolConfig;
import dev.terrarium.TerrariumException;
import dev.terrarium.base.Clock;
import dev.terrarium.wire.Messages.CancelReason;
import dev.terrarium.worker.Call;
import dev.terrarium.worker.Worker;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.Condition;
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
  private final Clock clock;
  private final IntSupplier starting;
  private final ReentrantLock lock = new ReentrantLock();
  private final IdleWorkers idle;
  private final LinkedHashSet<Seeker> waiting = new LinkedHashSet<>();
  private final AtomicLong calls = new AtomicLong();
  private boolean closed;

  /// Whom a pool that is shutting down still serves, null where it is not.
  private @Nullable Drain drain;

  private final Condition calm = lock.newCondition();

  /// For those who only want to know whether to go on.
  private volatile boolean draining;

  /// Of those in the queue, the ones that `maxWaiting` counts.
  private int counted;

  /// The queue's length, for those who only want to know whether to make room.
  private volatile int length;

  private @Nullable Supplier<TerrariumException> hopeless;

  private record Pairing(Worker worker, Seeker seeker) {}

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
  void submit(Call call, Duration deadline) {
    Clock.Alarm alarm = clock.after(deadline, () -> deadlinePassed(call, deadline));
    call.alarm(alarm);
    place(new Caller(call));
  }

  /// Finds a place for him, now or when his turn comes, or refuses him.
  void place(Seeker seeker) {
    place(seeker, false);
  }

  // One who had a place or a turn before is nobody new.
  private void place(Seeker seeker, boolean known) {
    boolean again = known;
    Worker worker;
    do {
      Supplier<TerrariumException> refusal;
      lock.lock();
      try {
        worker = null;
        refusal = refusal(seeker, again);
        if (refusal == null) {
          // Who waits goes first, also in the moment between a worker's readiness and its first
          // call.
          worker = waiting.isEmpty() ? idle.take() : null;
          if (worker == null) {
            refusal = enqueue(seeker);
          }
        }
      } finally {
        lock.unlock();
      }
      if (refusal != null) {
        seeker.refuse(refusal);
      }
      again = true;
      // A worker that died since it was taken refuses the call, and the pool looks again.
    } while (worker != null && !seated(worker, seeker));
  }

  // Under the lock.
  private @Nullable Supplier<TerrariumException> refusal(Seeker seeker, boolean again) {
    boolean served = drain == null || (again && isServed(seeker));
    return closed || served ? refusal() : errors::shuttingDown;
  }

  // A batch never ends with its turn: what it wants next is as good as a new call.
  private boolean isServed(Seeker seeker) {
    return drain == Drain.ALL && seeker.counts();
  }

  // Under the lock.
  private @Nullable Supplier<TerrariumException> refusal() {
    if (closed) {
      return errors::closed;
    }
    return idle.count() == 0 ? hopeless : null;
  }

  // Under the lock.
  private @Nullable Supplier<TerrariumException> enqueue(Seeker seeker) {
    if (seeker.counts()) {
      int queued = counted;
      if (queued >= config.maxWaiting()) {
        String numbers = numbers();
        return () -> errors.queueFull(numbers, queued);
      }
    }
    waiting.add(seeker); // first: where there is no memory for it nobody is counted
    counted += seeker.counts() ? 1 : 0;
    length = waiting.size();
    seeker.queued();
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
    int queued = waiting();
    if (unqueue(call)) {
      call.fail(() -> errors.waitedTooLong(numbers, queued));
    }
  }

  private boolean unqueue(Call call) {
    return locked(() -> left(new Caller(call)));
  }

  // Under the lock.
  private boolean left(Seeker seeker) {
    boolean was = waiting.remove(seeker);
    if (was && seeker.counts()) {
      counted--;
    }
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
      tellCalm();
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
      tellCalm();
    } finally {
      lock.unlock();
    }
  }

  /// Brings waiting calls to free workers until either run out.
  void serveWaiting() {
    for (Pairing next = pair(); next != null; next = pair()) {
      if (!seatedOrElsewhere(next)) {
        place(next.seeker(), true);
      }
    }
  }

  // One who cannot be seated for want of memory looks once more; should there be none for that
  // either, his deadline is his outcome.
  private boolean seatedOrElsewhere(Pairing pairing) {
    try {
      return seated(pairing.worker(), pairing.seeker());
    } catch (VirtualMachineError e) {
      return false;
    }
  }

  private @Nullable Pairing pair() {
    lock.lock();
    try {
      if (waiting.isEmpty()) {
        return null;
      }
      Seeker oldest = waiting.getFirst();
      Worker worker = idle.take();
      if (worker == null) {
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

  // False where the worker takes nothing, and he has to look for another.
  private boolean seated(Worker worker, Seeker seeker) {
    if (seeker.isDone()) {
      giveBack(worker); // given up in the meantime: the worker is still free for the next one
      return true;
    }
    try {
      return seeker.take(worker);
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
  List<Seeker> giveUp(Supplier<TerrariumException> why) {
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
  List<Seeker> drain(Drain whom) {
    lock.lock();
    try {
      drain = drain == Drain.RUNNING ? drain : whom;
      draining = true;
      List<Seeker> unserved = waiting.stream().filter(seeker -> !isServed(seeker)).toList();
      unserved.forEach(this::left);
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

  // Under the lock.
  private boolean isCalm() {
    return waiting.isEmpty() && idle.busy() == 0;
  }

  // Under the lock.
  private void tellCalm() {
    if (drain != null && isCalm()) {
      calm.signalAll();
    }
  }

  /// No call is taken any more.
  ///
  /// @return who waited; to be refused by the caller
  List<Seeker> close() {
    lock.lock();
    try {
      closed = true;
      return abandonWaiting();
    } finally {
      lock.unlock();
    }
  }

  // Under the lock.
  private List<Seeker> abandonWaiting() {
    List<Seeker> all = List.copyOf(waiting);
    waiting.clear();
    counted = 0;
    length = 0;
    tellCalm();
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

  /// Calls in the queue.
  int waiting() {
    return locked(() -> counted);
  }

  /// Calls that were given to a worker, ever.
  long calls() {
    return calls.get();
  }

  // Under the lock.
  private String numbers() {
    String base =
        "size %d, busy %d, waiting %d of %d"
            .formatted(config.size(), idle.busy(), counted, config.maxWaiting());
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

  /// One call that wants a place; equal to every other of the same call.
  private final class Caller implements Seeker {
    private final Call call;

    Caller(Call call) {
      this.call = call;
    }

    @Override
    public boolean counts() {
      return true;
    }

    @Override
    public void queued() {
      Clock.Alarm alarm = clock.after(config.maxWait(), () -> waitedTooLong(call));
      call.whenDone(
          () -> {
            alarm.cancel();
            unqueue(call); // whoever ended it may have looked here before it came
          });
    }

    @Override
    public boolean isDone() {
      return call.isDone();
    }

    @Override
    public boolean take(Worker worker) {
      boolean taken = worker.submit(call);
      if (taken) {
        count(1);
      }
      return taken;
    }

    @Override
    public void refuse(Supplier<TerrariumException> why) {
      call.fail(why);
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Caller caller && caller.call.equals(call);
    }

    @Override
    public int hashCode() {
      return call.hashCode();
    }
  }
}
