package dev.terrarium.pool;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.terrarium.CallCancelledException;
import dev.terrarium.TerrariumException;
import dev.terrarium.base.Clock;
import dev.terrarium.base.Durations;
import dev.terrarium.call.Exchange;
import dev.terrarium.call.Outcome;
import dev.terrarium.call.PooledWorker;
import dev.terrarium.wire.Messages.CancelReason;
import dev.terrarium.wire.Received;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.PriorityQueue;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/* How a batch shares the pool, and why it is faster than calls.
 *
 * A batch wants as many slots as could run its items at the same time, and stands in the pool's
 * queue for each of them like any caller. In each slot it has a pipeline: items that are sent to
 * the worker ahead of their turn. While nobody else waits, a pipeline is filled up again as it gets
 * shorter; when somebody does, it runs out, the slot goes to the oldest in the queue, and the batch
 * queues up again.
 *
 * [1] A pipeline holds more than one item where items are quick: the worker finds the next one
 *     there when it has answered, and nobody has to wake up in between. The pipeline's depth is
 *     what takes PIPELINE_WORK, by the time that items took lately; so it is one for slow items,
 *     and always one for async tools, which would begin all of them at once.
 * [2] An estimate can be wrong: a slow item among quick ones would keep those behind it from idle
 *     workers. Where the batch could use another slot, items behind one that takes longer than
 *     STUCK are withdrawn. Python alone knows what it has begun; it gives back what it has not.
 * [3] A worker may die. Items behind the first unanswered one of their worker were not begun (see
 *     CallsInFlight.notBegun), come back in the same way, and go to another worker.
 *
 * One lock guards everything. The scheduler, workers and calls are only used without it.
 */

/// Items of one batch on their way through the pool: takes them from the one consuming thread,
/// gives them back to it when they are over. [#wanted], [#add], [#poll] and [#await] belong to that
/// thread, [#stop] to everybody.
public final class Batch {
  /// How many pipelines there may be of items that are not delivered yet, for each slot: those on
  /// the worker, and those that are over or are next.
  static final int WINDOW_PIPELINES = 2;

  /// What a batch is made of.
  ///
  /// @param deadline of each item, from its turn on
  /// @param ordered whether items come back in the order in which they were added
  public record Setup(String tool, Duration deadline, boolean ordered) {}

  private final Setup setup;
  private final Scheduler scheduler;
  private final Clock clock;
  private final int slotsMax;
  private final long deadlineNanos;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();

  @GuardedBy("lock")
  private final Queue<Item> prepared =
      new PriorityQueue<>((a, b) -> Long.compare(a.index(), b.index()));

  @GuardedBy("lock")
  private final Window window;

  @GuardedBy("lock")
  private final PipelineDepth depth;

  @GuardedBy("lock")
  private final Set<Pipeline> pipelines = new LinkedHashSet<>();

  /// Slots that the batch stands in the queue for.
  @GuardedBy("lock")
  private int asked;

  @GuardedBy("lock")
  private boolean roomIsNews;

  @GuardedBy("lock")
  private @Nullable Supplier<TerrariumException> broken;

  /// It gets no slot any more: it breaks when what workers have of it has come.
  @GuardedBy("lock")
  private @Nullable Supplier<TerrariumException> refused;

  /// Items that workers have, or are about to get.
  @GuardedBy("lock")
  private int onTheirWay;

  /// @param slotsMax how many items the pool could run at the same time
  /// @param inOrder whether a worker runs them one after the other
  Batch(Setup setup, Scheduler scheduler, Clock clock, int slotsMax, boolean inOrder) {
    this.setup = setup;
    this.window = new Window(setup.ordered());
    this.scheduler = scheduler;
    this.clock = clock;
    this.slotsMax = slotsMax;
    this.depth = new PipelineDepth(inOrder);
    this.deadlineNanos = Durations.nanos(setup.deadline());
  }

  // --- The consumer ---

  /// How many more items would be welcome now. Not the odd one while there is something to deliver:
  /// several go to a worker with one write.
  public int wanted() {
    lock.lock();
    try {
      int room = room();
      if (!window.isDeliverable()) {
        return room;
      }
      int length = depth.depth();
      return room < length ? 0 : Math.min(room, Math.max(1, slotsMax * length / 2));
    } finally {
      lock.unlock();
    }
  }

  @GuardedBy("lock")
  private int room() {
    return goesOn() && !window.hasFailed()
        ? WINDOW_PIPELINES * slotsMax * depth.depth() - window.size()
        : 0;
  }

  @GuardedBy("lock")
  private boolean goesOn() {
    return broken == null && refused == null;
  }

  @GuardedBy("lock")
  private @Nullable Supplier<TerrariumException> reason() {
    return broken == null && onTheirWay == 0 ? refused : broken;
  }

  /// Takes items, in the order of their source.
  public void add(List<Item> more) {
    lock.lock();
    try {
      prepared.addAll(more);
      window.add(more);
    } finally {
      lock.unlock();
    }
    askForSlots();
  }

  /// An item that is over and whose turn it is, null where there is none.
  ///
  /// @throws TerrariumException where the batch as a whole cannot go on
  public @Nullable Item poll() {
    Supplier<TerrariumException> why;
    lock.lock();
    try {
      if (window.isDeliverable()) {
        return window.remove();
      }
      why = reason();
    } finally {
      lock.unlock();
    }
    if (why != null) {
      throw why.get();
    }
    return null;
  }

  /// Whether nothing is on its way, and nothing to be delivered.
  public boolean isEmpty() {
    lock.lock();
    try {
      return window.size() == 0;
    } finally {
      lock.unlock();
    }
  }

  /// Waits until [#poll] has something to say.
  ///
  /// @param more whether there are more items to [#add], so that room for them is news, too
  public void await(boolean more) throws InterruptedException {
    lock.lockInterruptibly();
    try {
      awaitChange(more);
    } finally {
      lock.unlock();
    }
  }

  @GuardedBy("lock")
  private void awaitChange(boolean more) throws InterruptedException {
    roomIsNews = more;
    try {
      while (!window.isDeliverable() && reason() == null && !(more && room() > 0)) {
        changed.await();
      }
    } finally {
      roomIsNews = false;
    }
  }

  /// Ends what is on its way; [#poll] throws from now on.
  public void stop(Supplier<TerrariumException> why) {
    List<Exchange> running = new ArrayList<>();
    List<Outcome> undelivered;
    lock.lock();
    try {
      if (broken == null) {
        broken = why;
      }
      undelivered = window.stop();
      prepared.clear();
      for (Pipeline pipeline : pipelines) {
        running.addAll(pipeline.callsReversed());
      }
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    for (Exchange call :
        running) { // the last first: none is to begin because one before it has ended
      call.fail(
          () -> new CallCancelledException("Call of '%s' was cancelled".formatted(call.tool())));
      PooledWorker worker = call.worker();
      if (worker != null) {
        worker.interrupt(call, CancelReason.CANCELLED);
      }
    }
    undelivered.forEach(Batch::drop);
  }

  private static void drop(Outcome outcome) {
    if (outcome instanceof Outcome.Value(Received received)) {
      received.drop();
    }
  }

  // --- Slots ---

  private void askForSlots() {
    int more;
    lock.lock();
    try {
      more = goesOn() ? Math.min(prepared.size(), slotsMax - pipelines.size() - asked) : 0;
      asked += Math.max(0, more);
    } finally {
      lock.unlock();
    }
    for (int i = 0; i < more; i++) {
      scheduler.place(new SlotWanted());
    }
  }

  private final class SlotWanted implements SlotRequest {
    @Override
    public boolean counts() {
      return false; // it is not one more call: the items wait for the consumer
    }

    @Override
    public void queued() {}

    @Override
    public boolean isDone() {
      return false;
    }

    @Override
    public boolean assigned(PooledWorker worker) {
      Pipeline pipeline = new Pipeline(Batch.this, worker, clock, deadlineNanos);
      List<Item> first;
      lock.lock();
      try {
        asked--;
        pipelines.add(pipeline);
        first = next(pipeline);
        leaveWhenEmpty(pipeline);
      } finally {
        lock.unlock();
      }
      if (first.isEmpty()) {
        scheduler.slotFree(worker); // others have taken what there was
        return true;
      }
      return send(pipeline, first) || wantsAnother();
    }

    // False where another worker is to be looked for.
    private boolean wantsAnother() {
      lock.lock();
      try {
        boolean wanted = goesOn() && !prepared.isEmpty();
        asked += wanted ? 1 : 0;
        return !wanted;
      } finally {
        lock.unlock();
      }
    }

    @Override
    public void refuse(Supplier<TerrariumException> why) {
      lock.lock();
      try {
        asked--;
        refused = refused == null ? why : refused;
        changed.signalAll();
      } finally {
        lock.unlock();
      }
    }
  }

  // The items to send now, as the last ones of this pipeline.
  @GuardedBy("lock")
  private List<Item> next(Pipeline pipeline) {
    int length = pipeline.worker().supportsPipelining() ? depth.depth() : 1;
    if (pipeline.size() > length / 2) {
      return List.of(); // until several can go with one write
    }
    int share = Math.max(1, Math.ceilDiv(prepared.size(), pipelines.size()));
    int n = Math.min(length - pipeline.size(), share);
    List<Item> more = new ArrayList<>();
    while (more.size() < n && window.mayBegin(prepared.peek())) {
      more.add(begin(prepared.remove(), pipeline));
    }
    pipeline.add(more);
    return more;
  }

  @GuardedBy("lock")
  private Item begin(Item item, Pipeline pipeline) {
    var call = new PipelinedExchange(setup.tool(), item.envelope(), setup.deadline(), pipeline);
    item.goesIn(call);
    onTheirWay++;
    call.whenDone(() -> ended(item, call));
    return item;
  }

  // False where the worker takes nothing; the items are prepared again.
  private boolean send(Pipeline pipeline, List<Item> more) {
    if (pipeline.worker().submit(more.stream().map(Item::call).toList())) {
      scheduler.count((int) more.stream().filter(Item::begunFirst).count());
      return true;
    }
    lock.lock();
    try {
      pipeline.takeBack(more);
      onTheirWay -= more.size();
      more.forEach(this::prepareAgain);
      leaveWhenEmpty(pipeline);
    } finally {
      lock.unlock();
    }
    return false;
  }

  /// The pipeline's worker does not have this call any more.
  void over(Pipeline pipeline, Exchange call) {
    List<Item> more;
    boolean left;
    lock.lock();
    try {
      long took = pipeline.remove(call);
      if (took > 0) {
        depth.took(took);
        tellOfRoom();
      }
      boolean othersWait = scheduler.length() > asked || scheduler.isDraining();
      more = othersWait || !pipelines.contains(pipeline) ? List.of() : next(pipeline);
      left = leaveWhenEmpty(pipeline);
    } finally {
      lock.unlock();
    }
    if (left) {
      scheduler.slotFree(pipeline.worker());
    }
    if (left || (!more.isEmpty() && !send(pipeline, more))) {
      askForSlots();
    }
  }

  @GuardedBy("lock")
  private void tellOfRoom() {
    if (roomIsNews && room() >= depth.depth()) {
      changed.signal();
    }
  }

  @GuardedBy("lock")
  private boolean leaveWhenEmpty(Pipeline pipeline) {
    boolean left = pipeline.isEmpty() && pipelines.remove(pipeline);
    if (left) {
      pipeline.cancelAlarm();
    }
    return left;
  }

  /// The pipeline's alarm rang.
  void look(Pipeline pipeline) {
    Item late;
    List<Exchange> stuck;
    lock.lock();
    try {
      pipeline.alarmRang();
      late = pipeline.newlyLate();
      stuck = pipeline.newlyStuck(othersIdle());
      pipeline.setAlarm();
    } finally {
      lock.unlock();
    }
    if (late != null) {
      pipeline.worker().deadlinePassed(late.call(), setup.deadline());
    }
    if (!stuck.isEmpty()) {
      pipeline.worker().withdraw(stuck);
    }
  }

  @GuardedBy("lock")
  private boolean othersIdle() {
    return prepared.isEmpty() && pipelines.size() + asked < slotsMax;
  }

  // --- Outcomes ---

  private void ended(Item item, Exchange call) {
    Outcome outcome = call.outcome().join();
    boolean notBegun = outcome instanceof Outcome.NotBegun;
    boolean wanted = true;
    lock.lock();
    try {
      if (!item.isIn(call)) {
        return; // its worker did not take it, and it went to another
      }
      onTheirWay--;
      if (notBegun) {
        prepareAgain(item);
      } else {
        wanted = window.over(item, outcome);
      }
      if (window.isDeliverable() || reason() != null) {
        changed.signal();
      }
    } finally {
      lock.unlock();
    }
    if (notBegun) {
      askForSlots();
    }
    if (!wanted) {
      drop(outcome);
    }
  }

  @GuardedBy("lock")
  private void prepareAgain(Item item) {
    item.goesIn(null);
    if (goesOn()) {
      prepared.add(item);
    }
  }
}
