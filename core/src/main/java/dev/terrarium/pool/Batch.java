package dev.terrarium.pool;

import dev.terrarium.CallCancelledException;
import dev.terrarium.TerrariumException;
import dev.terrarium.base.Clock;
import dev.terrarium.base.Durations;
import dev.terrarium.wire.Messages.CancelReason;
import dev.terrarium.wire.Received;
import dev.terrarium.worker.Call;
import dev.terrarium.worker.Call.Outcome;
import dev.terrarium.worker.Worker;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.PriorityQueue;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/* How a batch shares the pool, and why it is faster than calls.
 *
 * A batch wants as many places as could run its items at the same time, and stands in the pool's
 * queue for each of them like any caller. A place is a row of items on one worker. While nobody
 * else waits, a row is filled up again as it gets shorter; when somebody does, it runs out, the
 * place goes to the oldest in the queue, and the batch queues up again.
 *
 * [1] A row holds more than one item where items are quick: the worker finds the next one there
 *     when it has answered, and nobody has to wake up in between. The row's length is what takes
 *     ROW_WORK, by the time that items took lately; so it is one for slow items, and always one for
 *     async tools, which would begin all of them at once.
 * [2] An estimate can be wrong: a slow item among quick ones would keep those behind it from idle
 *     workers. Where the batch could use another place, items behind one that takes longer than
 *     STUCK are withdrawn. Python alone knows what it has begun; it gives back what it has not.
 * [3] A worker may die. Who is behind the first unanswered item of its worker was not begun (see
 *     CallsInFlight.notBegun), comes back in the same way, and goes to another worker.
 *
 * One lock guards everything. The scheduler, workers and calls are only used without it.
 */

/// Items of one batch on their way through the pool: takes them from the one consuming thread,
/// gives them back to it when they are over. [#wanted], [#add], [#poll] and [#await] belong to that
/// thread, [#stop] to everybody.
public final class Batch {
  /// How many rows there may be of items that are not delivered yet, for each place: those on the
  /// worker, and those that are over or are next.
  static final int WINDOW_ROWS = 2;

  /// What a batch is made of.
  ///
  /// @param ids numbers for its calls
  /// @param deadline of each item, from its turn on
  /// @param ordered whether items come back in the order in which they were added
  public record Setup(String tool, LongSupplier ids, Duration deadline, boolean ordered) {}

  private final Setup setup;
  private final Scheduler scheduler;
  private final Clock clock;
  private final int placesMax;
  private final long deadlineNanos;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final Queue<Item> prepared =
      new PriorityQueue<>((a, b) -> Long.compare(a.index(), b.index()));

  private final Window window;
  private final Pace pace;
  private final Set<Row> rows = new LinkedHashSet<>();

  /// Places that the batch stands in the queue for.
  private int asked;

  private boolean roomIsNews;
  private @Nullable Supplier<TerrariumException> broken;

  /// It gets no place any more: it breaks when what workers have of it has come.
  private @Nullable Supplier<TerrariumException> refused;

  /// Items that workers have, or are about to get.
  private int onTheirWay;

  /// @param placesMax how many items the pool could run at the same time
  /// @param inOrder whether a worker runs them one after the other
  Batch(Setup setup, Scheduler scheduler, Clock clock, int placesMax, boolean inOrder) {
    this.setup = setup;
    this.window = new Window(setup.ordered());
    this.scheduler = scheduler;
    this.clock = clock;
    this.placesMax = placesMax;
    this.pace = new Pace(inOrder);
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
      int length = pace.rowLength();
      return room < length ? 0 : Math.min(room, Math.max(1, placesMax * length / 2));
    } finally {
      lock.unlock();
    }
  }

  // Under the lock.
  private int room() {
    return goesOn() && !window.hasFailed()
        ? WINDOW_ROWS * placesMax * pace.rowLength() - window.size()
        : 0;
  }

  // Under the lock.
  private boolean goesOn() {
    return broken == null && refused == null;
  }

  // Under the lock.
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
    askForPlaces();
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
      roomIsNews = more;
      while (!window.isDeliverable() && reason() == null && !(more && room() > 0)) {
        changed.await();
      }
    } finally {
      roomIsNews = false;
      lock.unlock();
    }
  }

  /// Ends what is on its way; [#poll] throws from now on.
  public void stop(Supplier<TerrariumException> why) {
    List<Call> running = new ArrayList<>();
    List<Outcome> undelivered;
    lock.lock();
    try {
      if (broken == null) {
        broken = why;
      }
      undelivered = window.stop();
      prepared.clear();
      rows.forEach(row -> running.addAll(row.callsReversed()));
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    for (Call call : running) { // the last first: none is to begin because one before it has ended
      call.fail(
          () -> new CallCancelledException("Call of '%s' was cancelled".formatted(call.tool())));
      Worker.of(call).ifPresent(worker -> worker.interrupt(call, CancelReason.CANCELLED));
    }
    undelivered.forEach(Batch::drop);
  }

  private static void drop(Outcome outcome) {
    if (outcome instanceof Outcome.Value(Received received)) {
      received.drop();
    }
  }

  // --- Places ---

  private void askForPlaces() {
    int more;
    lock.lock();
    try {
      more = goesOn() ? Math.min(prepared.size(), placesMax - rows.size() - asked) : 0;
      asked += Math.max(0, more);
    } finally {
      lock.unlock();
    }
    for (int i = 0; i < more; i++) {
      scheduler.place(new PlaceWanted());
    }
  }

  private final class PlaceWanted implements Seeker {
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
    public boolean take(Worker worker) {
      Row row = new Row(Batch.this, worker, clock, deadlineNanos);
      List<Item> first;
      lock.lock();
      try {
        asked--;
        rows.add(row);
        first = next(row);
        leaveWhenEmpty(row);
      } finally {
        lock.unlock();
      }
      if (first.isEmpty()) {
        scheduler.callEnded(worker); // others have taken what there was
        return true;
      }
      return send(row, first) || wantsAnother();
    }

    // False where he has to look for another worker.
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

  // Under the lock: the items to send now, as the last ones of this row.
  private List<Item> next(Row row) {
    int length = row.worker().takesRows() ? pace.rowLength() : 1;
    if (row.size() > length / 2) {
      return List.of(); // until several can go with one write
    }
    int share = Math.max(1, Math.ceilDiv(prepared.size(), rows.size()));
    int n = Math.min(length - row.size(), share);
    List<Item> more = new ArrayList<>();
    while (more.size() < n && window.mayBegin(prepared.peek())) {
      more.add(begin(prepared.remove(), row));
    }
    row.add(more);
    return more;
  }

  private Item begin(Item item, Row row) {
    Call call =
        new Call(setup.ids().getAsLong(), setup.tool(), item.envelope(), setup.deadline(), row);
    item.goesIn(call);
    onTheirWay++;
    call.whenDone(() -> ended(item, call));
    return item;
  }

  // False where the worker takes nothing; the items are prepared again.
  private boolean send(Row row, List<Item> more) {
    if (row.worker().submit(more.stream().map(Item::call).toList())) {
      scheduler.count((int) more.stream().filter(Item::begunFirst).count());
      return true;
    }
    lock.lock();
    try {
      row.takeBack(more);
      onTheirWay -= more.size();
      more.forEach(this::prepareAgain);
      leaveWhenEmpty(row);
    } finally {
      lock.unlock();
    }
    return false;
  }

  /// The row's worker does not have this call any more.
  void over(Row row, Call call) {
    List<Item> more;
    boolean left;
    lock.lock();
    try {
      long took = row.remove(call);
      if (took > 0) {
        pace.took(took);
        tellOfRoom();
      }
      boolean othersWait = scheduler.length() > asked || scheduler.isDraining();
      more = othersWait || !rows.contains(row) ? List.of() : next(row);
      left = leaveWhenEmpty(row);
    } finally {
      lock.unlock();
    }
    if (left) {
      scheduler.callEnded(row.worker());
    }
    if (left || (!more.isEmpty() && !send(row, more))) {
      askForPlaces();
    }
  }

  // Under the lock.
  private void tellOfRoom() {
    if (roomIsNews && room() >= pace.rowLength()) {
      changed.signal();
    }
  }

  // Under the lock.
  private boolean leaveWhenEmpty(Row row) {
    boolean left = row.isEmpty() && rows.remove(row);
    if (left) {
      row.cancelAlarm();
    }
    return left;
  }

  /// The row's alarm rang.
  void look(Row row) {
    Item late;
    List<Call> stuck;
    lock.lock();
    try {
      row.alarmRang();
      late = row.newlyLate();
      stuck = row.newlyStuck(othersIdle());
      row.setAlarm();
    } finally {
      lock.unlock();
    }
    if (late != null) {
      row.worker().deadlinePassed(late.call(), setup.deadline());
    }
    if (!stuck.isEmpty()) {
      row.worker().withdraw(stuck);
    }
  }

  // Under the lock.
  private boolean othersIdle() {
    return prepared.isEmpty() && rows.size() + asked < placesMax;
  }

  // --- Outcomes ---

  private void ended(Item item, Call call) {
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
      askForPlaces();
    }
    if (!wanted) {
      drop(outcome);
    }
  }

  // Under the lock.
  private void prepareAgain(Item item) {
    item.goesIn(null);
    if (goesOn()) {
      prepared.add(item);
    }
  }
}
