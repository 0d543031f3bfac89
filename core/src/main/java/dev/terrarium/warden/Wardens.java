package dev.terrarium.warden;

import dev.terrarium.StartFailedException;
import dev.terrarium.StartFailedException.Reason;
import dev.terrarium.base.Log;
import dev.terrarium.base.SteadyThread;
import dev.terrarium.process.Birthmark;
import dev.terrarium.process.Cgroups;
import dev.terrarium.process.OwnClasses;
import dev.terrarium.process.ProcessKiller;
import dev.terrarium.process.Realm;
import dev.terrarium.wire.Messages;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/// The warden of a realm, and its successor when it dies.
///
/// When a warden dies, the kernel kills its workers (PDEATHSIG), and what was detached from them
/// has lost the one who would have killed it. So the JVM tells each worker that it is gone, sweeps
/// everything that bears the run's birthmark and is of this realm, and starts a new warden; what
/// was ordered meanwhile waits for it. Of a realm in a PID namespace the kernel has killed
/// everything then: the sweep waits until it is gone. Whatever of that fails is tried again, for as
/// long as the realm is open.
///
/// Threads: any. Reports reach [WorkerProcess] on the loop's thread, or on the keeper's after a
/// warden's death. The keeper is one thread for all wardens that succeed each other: a realm that
/// has started needs no further one to heal.
public final class Wardens {
  /// How often in a row a warden may fail to come up before those who wait for it are told so. It
  /// goes on being tried.
  static final int STARTS_MAX = 3;

  /// How long a successor that is being started when the runtime closes may take to be ended.
  static final Duration KEEPER_TIMEOUT = Duration.ofSeconds(5);

  /// How long the end of a pool's own warden waits for what its workers left to be cleared.
  static final Duration CLEAR_TIMEOUT = Duration.ofSeconds(1);

  private static final Log LOG = Log.of(Wardens.class);

  private enum Phase {
    UP,
    REPLACING,
    CLOSED
  }

  /// What every warden of the run is started with.
  ///
  /// @param interpreter runs the warden
  /// @param script the warden's main program
  /// @param directory the run's directory
  /// @param upkeep of what all this is on disk
  public record Setup(
      String run,
      Birthmark birthmark,
      Path interpreter,
      Path script,
      Path socket,
      Path lifelines,
      Path directory,
      Gate gate,
      ProcessKiller killer,
      Cgroups cgroups,
      Upkeep upkeep) {}

  /// How it ended.
  ///
  /// @param killed processes that were still there and had to be killed
  /// @param left the pids of processes that could not be killed
  /// @param certain whether that could be looked at; else more may be left than `left` says
  public record Report(int killed, List<Long> left, boolean certain) {
    static final Report NOTHING = new Report(0, List.of(), true);

    /// What there is to say where nothing could be done.
    public static final Report UNCERTAIN = new Report(0, List.of(), false);

    public Report {
      left = List.copyOf(left);
    }

    Report and(Report other) {
      List<Long> all = new ArrayList<>(left);
      all.addAll(other.left);
      return new Report(killed + other.killed, all, certain && other.certain);
    }
  }

  private final Setup setup;
  private final Charge charge;
  private final ReentrantLock lock = new ReentrantLock();
  private final Roster roster = new Roster();
  private final WardenReports reports = new WardenReports(roster);
  private final Retry retry = new Retry(LOG);
  private final Recovery recovery;
  private final Deque<Consumer<WardenProcess>> orders = new ArrayDeque<>();
  private Phase phase = Phase.REPLACING;
  private @Nullable WardenProcess current;
  private volatile @Nullable SteadyThread keeper;

  // Of the keeper's thread, which goes on with them where it ran out of memory.
  private @Nullable WardenProcess kept;
  private @Nullable WardenProcess fresh; // it has come up, and does not have all orders yet
  private @Nullable String end;
  private Roster.@Nullable All orphans;
  private Roster.@Nullable All refused; // who has yet to hear that it is not started
  private String refusal = "";
  private int failedStarts; // in a row

  /// @param swept the realms whose processes are its to sweep
  Wardens(Setup setup, Charge charge, Predicate<Realm> swept) {
    this.setup = setup;
    this.charge = charge;
    this.recovery = new Recovery(setup, charge, swept, retry);
  }

  Realm realm() {
    return charge.realm();
  }

  /// The number that a worker bears.
  ///
  /// @param serial unique within the runtime
  public long number(long serial) {
    return charge.realm().worker(serial);
  }

  /// Starts the first warden and waits for it.
  ///
  /// @throws StartFailedException where it does not come up
  void start() {
    WardenProcess first = first();
    kept = first;
    var thread = new SteadyThread("terrarium-warden-" + setup.run(), this::keep);
    lock.lock();
    try {
      if (phase != Phase.CLOSED) {
        thread.start();
        keeper = thread; // not before: nobody can wait for the end of one that was not started
      }
      install(first);
    } catch (OutOfMemoryError e) {
      first.end();
      throw new StartFailedException(
          Reason.WARDEN,
          "No thread can be had that looks after the warden (%s); raise the limit (ulimit -u, pids.max, TasksMax in systemd)"
              .formatted(e.getMessage()),
          e);
    } finally {
      lock.unlock();
    }
  }

  /// The thread that replaces a warden that is gone; empty before the start.
  Optional<SteadyThread> keeper() {
    return Optional.ofNullable(keeper);
  }

  private WardenProcess first() {
    try {
      return launch();
    } catch (StartFailedException e) {
      boolean died = !(e.getCause() instanceof TimeoutException);
      if (!died || !setup.upkeep().afterFailedStart()) {
        throw e;
      }
      return launch(); // what it died of is mended
    }
  }

  private WardenProcess launch() {
    return WardenProcess.start(setup, charge, reports::pass, () -> phase() != Phase.CLOSED);
  }

  private void install(WardenProcess warden) {
    boolean late;
    lock.lock();
    try {
      late = phase == Phase.CLOSED;
      // Here: none that comes now overtakes them. One by one: should there be no memory for one, it
      // is the first of the next try.
      while (!late && !orders.isEmpty()) {
        orders.getFirst().accept(warden);
        orders.removeFirst();
      }
      if (!late) {
        phase = Phase.UP;
        current = warden;
      }
    } finally {
      lock.unlock();
    }
    if (late) {
      warden.end();
    }
  }

  /// Asks for a worker's process; the reports go to `process`. Where this fails for want of memory,
  /// nobody has been asked.
  public void spawn(long number, Messages.Spawn order, WorkerProcess process) {
    // INVARIANT: entry and order go to the same warden. A death in between would have the process
    // buried, and the successor start it all the same.
    setup.upkeep().beforeWorker();
    Runnable entry = () -> roster.ordered(number, process);
    boolean open;
    try {
      open = order(entry, warden -> warden.send(number, order));
    } catch (VirtualMachineError e) {
      roster.forget(number);
      throw e;
    }
    if (!open) {
      process.spawnFailed(Reason.SPAWN, "the runtime is closed");
    }
  }

  /// Signals a worker's process group.
  public void signal(long number, int signal, String why) {
    order(warden -> warden.send(number, new Messages.Signal(signal, why)));
  }

  /// Kills a worker; what it started follows, as soon as it has had a moment to end by itself.
  public void kill(long number, String why) {
    order(warden -> warden.send(number, new Messages.Kill(why)));
  }

  /// A worker was to be killed, and long after nothing has been heard of it: asks the warden for a
  /// sign of life. To be concluded later, if there still is nothing.
  public Doubt doubt(long number) {
    return new Doubt(setup, current(), knows(number), roster.identity(number));
  }

  /// A worker or zygote died before it had said hello, and did not say why.
  public void diedEarly() {
    boolean _ = setup.upkeep().afterFailedStart();
  }

  /// Asks for the stacks of a Python worker by signal; the answer is empty where none came.
  public void dump(long number, Consumer<String> answer) {
    order(warden -> warden.dump(number, answer));
  }

  private void order(Consumer<WardenProcess> order) {
    boolean _ = order(() -> {}, order); // a closed runtime's workers are beyond orders
  }

  private boolean order(Runnable entry, Consumer<WardenProcess> order) {
    WardenProcess warden;
    lock.lock();
    try {
      if (phase == Phase.CLOSED) {
        return false;
      }
      entry.run();
      warden = phase == Phase.UP ? current : null;
      if (warden == null) {
        orders.add(order);
        return true;
      }
    } finally {
      lock.unlock();
    }
    order.accept(warden);
    return true;
  }

  /// Whether this number's process was ordered, and is not cleared yet. While a warden is being
  /// replaced that is so of all: they are about to be buried.
  public boolean knows(long number) {
    return roster.find(number) != null || phase() == Phase.REPLACING; // in the order of a burial
  }

  // --- A warden's death, on the keeper's thread ---

  private void keep() {
    OwnClasses.load(); // here, where nobody waits for it
    for (WardenProcess warden = kept; warden != null; warden = kept) {
      String how = end == null ? warden.awaitEnd() : end;
      end = how;
      Roster.All left = orphans == null ? takeAll().orElse(null) : orphans;
      orphans = left;
      kept = left == null ? null : recover(how, left).orElse(null);
      end = null;
      orphans = null;
    }
  }

  private Optional<Roster.All> takeAll() {
    lock.lock();
    try {
      if (phase == Phase.CLOSED) {
        return Optional.empty();
      }
      phase = Phase.REPLACING;
      current = null;
      // Orders to the dead are void; those for new processes have their entry made before they are
      // queued here.
      orders.clear();
      return Optional.of(roster.takeAll());
    } finally {
      lock.unlock();
    }
  }

  private Optional<WardenProcess> recover(String end, Roster.All orphaned) {
    Optional<SteadyThread> own = keeper();
    own.ifPresent(SteadyThread::busy);
    try {
      recovery.from(end, new Orphaned(orphaned));
      boolean _ = retry.run("The start of a new " + charge.warden(setup.run()), this::replace);
    } finally {
      own.ifPresent(SteadyThread::idle);
    }
    return current();
  }

  private void replace() {
    refuse();
    if (phase() != Phase.REPLACING) {
      return; // closed, or the thread begins anew with what it had done already
    }
    try {
      if (fresh == null) {
        setup.upkeep().beforeWarden();
        fresh = launch();
      }
      install(fresh);
      fresh = null;
      failedStarts = 0;
    } catch (RuntimeException | Error e) {
      if (++failedStarts >= STARTS_MAX) {
        takeThoseWhoWait(
            "no warden could be started, and it is tried again: %d starts in a row failed; %s"
                .formatted(failedStarts, e.getMessage()));
        refuse();
      }
      throw e;
    }
  }

  private void takeThoseWhoWait(String why) {
    lock.lock();
    try {
      refusal = why;
      refused = roster.takeAll();
      orders.clear();
    } finally {
      lock.unlock();
    }
  }

  // Before anything else: they are on no roster any more, and who could not be told, for want of
  // memory perhaps, would wait for ever.
  private void refuse() {
    Roster.All waiting = refused;
    if (waiting != null) {
      new Orphaned(waiting).refuse(refusal);
      refused = null;
    }
  }

  private Phase phase() {
    lock.lock();
    try {
      return phase;
    } finally {
      lock.unlock();
    }
  }

  private Optional<WardenProcess> current() {
    lock.lock();
    try {
      return Optional.ofNullable(current);
    } finally {
      lock.unlock();
    }
  }

  // --- End ---

  /// Waits, within bounds, until nothing is left of any worker: what a shutdown finds counts as
  /// ended by force, and a stray that is being swept is not.
  void awaitCleared() {
    try {
      roster.awaitEmpty(CLEAR_TIMEOUT);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /// Lets the warden kill what is left and ends it; where it does not answer, ends it and sweeps.
  /// Whoever has not been told of his process's end is told now.
  Report shutDown() {
    WardenProcess warden;
    SteadyThread keeping;
    lock.lock();
    try {
      phase = Phase.CLOSED;
      warden = current;
      current = null;
      keeping = keeper;
    } finally {
      lock.unlock();
    }
    retry.end();
    Optional<Messages.Report> said =
        warden == null ? Optional.of(new Messages.Report(0, 0)) : warden.shutDown();
    boolean kept = awaitEnd(keeping);
    int alive = roster.alive();
    Recovery.Last last = recovery.last(roster.takeAll());
    // Who lived when a warden had to be ended has died with it, whether the sweep still saw it or
    // not.
    int killed =
        said.map(report -> report.killed() + last.killed()).orElse(Math.max(alive, last.killed()));
    boolean nothing = warden != null && said.filter(report -> report.left() == 0).isPresent();
    return new Report(killed, last.left(), kept && (nothing || last.certain()));
  }

  // A successor that is being started at this moment must be gone before anybody says that nothing
  // is left.
  private static boolean awaitEnd(@Nullable SteadyThread keeping) {
    if (keeping == null) {
      return true;
    }
    try {
      boolean ended = keeping.join(KEEPER_TIMEOUT);
      if (!ended) {
        LOG.warn("{} did not end within {}", keeping.name(), KEEPER_TIMEOUT);
      }
      return ended;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }
}
