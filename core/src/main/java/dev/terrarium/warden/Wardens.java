package dev.terrarium.warden;

import dev.terrarium.Exit;
import dev.terrarium.StartFailedException;
import dev.terrarium.StartFailedException.Reason;
import dev.terrarium.process.Birthmark;
import dev.terrarium.process.Cgroups;
import dev.terrarium.process.ProcFs;
import dev.terrarium.process.ProcStat;
import dev.terrarium.process.ProcessIdentity;
import dev.terrarium.process.ProcessKiller;
import dev.terrarium.process.Realm;
import dev.terrarium.process.SweepReport;
import dev.terrarium.wire.Messages;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The warden of a realm, and its successor when it dies.
///
/// When a warden dies, the kernel kills its workers (PDEATHSIG), and what was detached from them
/// has lost the one who would have killed it. So the JVM sweeps everything that bears the run's
/// birthmark and is of this realm, tells each worker that it is gone, and starts a new warden; what
/// was ordered meanwhile waits for it. Of a realm in a PID namespace the kernel has killed
/// everything then: the sweep waits until it is gone.
///
/// Threads: any. Reports reach [WorkerProcess] on the loop's thread, or on the keeper's after a
/// warden's death.
public final class Wardens {
  /// How often in a row a warden may fail to come up before the runtime gives up on workers.
  static final int STARTS_MAX = 3;

  /// How long a successor that is being started when the runtime closes may take to be ended.
  static final Duration KEEPER_TIMEOUT = Duration.ofSeconds(5);

  /// How long a sweep after a warden's death may take.
  static final Duration SWEEP_TIMEOUT = Duration.ofSeconds(5);

  /// How long the end of a pool's own warden waits for what its workers left to be cleared.
  static final Duration CLEAR_TIMEOUT = Duration.ofSeconds(1);

  /// The `step` of a `SPAWN_FAILED` that is the zygote's fault.
  private static final String ZYGOTE_STEP = "zygote";

  /// Those in which a process gets what a pool asked for, and nothing else.
  private static final Set<String> CONTAINMENT_STEPS = Set.of("cgroup", "limits");

  private static final Logger LOG = LoggerFactory.getLogger(Wardens.class);

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
      Cgroups cgroups) {}

  /// How it ended.
  ///
  /// @param killed processes that were still there and had to be killed
  /// @param left the pids of processes that could not be killed
  public record Report(int killed, List<Long> left) {
    public Report {
      left = List.copyOf(left);
    }
  }

  private final Setup setup;
  private final Charge charge;
  private final Predicate<Realm> swept;
  private final ReentrantLock lock = new ReentrantLock();
  private final Roster roster = new Roster();
  private final List<Consumer<WardenProcess>> orders = new ArrayList<>();
  private Phase phase = Phase.REPLACING;
  private @Nullable WardenProcess current;
  private @Nullable Thread keeper;

  /// @param swept the realms whose processes are its to sweep
  Wardens(Setup setup, Charge charge, Predicate<Realm> swept) {
    this.setup = setup;
    this.charge = charge;
    this.swept = swept;
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
    install(WardenProcess.start(setup, charge, this::report));
  }

  private void install(WardenProcess warden) {
    Thread next =
        Thread.ofPlatform()
            .daemon()
            .name("terrarium-warden-" + setup.run())
            .unstarted(() -> keep(warden));
    List<Consumer<WardenProcess>> waiting;
    boolean late;
    lock.lock();
    try {
      late = phase == Phase.CLOSED;
      if (!late) {
        phase = Phase.UP;
        current = warden;
        keeper = next;
        next.start(); // here, so that whoever closes can wait for it
      }
      waiting = List.copyOf(orders);
      orders.clear();
    } finally {
      lock.unlock();
    }
    if (late) {
      warden.end();
      return;
    }
    waiting.forEach(order -> order.accept(warden));
  }

  /// Asks for a worker's process; the reports go to `process`.
  public void spawn(long number, Messages.Spawn order, WorkerProcess process) {
    // INVARIANT: entry and order go to the same warden. A death in between would have the process
    // buried, and the successor start it all the same.
    Runnable entry = () -> roster.ordered(number, process);
    if (!order(entry, warden -> warden.send(number, order))) {
      process.spawnFailed(Reason.SPAWN, "the runtime is closed");
    }
  }

  /// Signals a worker's process group.
  public void signal(long number, int signal, String why) {
    order(warden -> warden.send(number, new Messages.Signal(signal, why)));
  }

  /// Kills a worker's process group; what else it started follows.
  public void kill(long number, String why) {
    order(warden -> warden.send(number, new Messages.Kill(why)));
  }

  /// A worker was to be killed, and long after nothing has been heard of it. Unless the kernel
  /// cannot let go of it (state D), it is the warden that does not do its work, stopped perhaps: it
  /// is killed, and what follows the death of a warden heals the rest.
  ///
  /// @param pid the worker's, 0 where there is none
  public void doubt(long pid) {
    if (ProcFs.stat(pid).filter(ProcStat::uninterruptible).isPresent()) {
      LOG.warn("Process {} is stuck in the kernel; it dies when that lets it go", pid);
      return;
    }
    WardenProcess warden;
    lock.lock();
    try {
      warden = phase == Phase.UP ? current : null;
    } finally {
      lock.unlock();
    }
    if (warden != null) {
      LOG.error("The {} does not answer and is replaced", charge.warden(setup.run()));
      warden.kill("it does not answer");
    }
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

  // --- Reports, on the loop's thread ---

  private void report(long number, Messages.FromWarden report) {
    WorkerProcess process = roster.find(number);
    if (process == null) {
      return; // told already that it is gone
    }
    switch (report) {
      case Messages.Spawned(long pid, long ticks) -> {
        roster.lives(number, new ProcessIdentity(ProcessIdentity.currentBoot(), pid, ticks));
        process.spawned(pid, ticks);
      }
      case Messages.SpawnFailed failed -> {
        roster.forget(number);
        if (failed.step().equals(ZYGOTE_STEP)) {
          process.notForked(failed.message());
        } else {
          process.spawnFailed(reason(failed), "%s: %s".formatted(failed.step(), failed.message()));
        }
      }
      case Messages.Exited exited -> {
        roster.died(number);
        process.exited(exit(exited), exited.stderr(), exited.limit());
      }
      case Messages.Cleared(int strays) -> {
        process.cleared(strays); // first: a row that nobody knows of looks like an oversight
        roster.forget(number);
      }
      case Messages.Output output -> process.output(output);
      case Messages.ZygoteReady(List<String> threads) -> process.preloaded(threads);
      case Messages.Dumped _, Messages.Report _ -> throw new IllegalStateException("" + report);
    }
  }

  private static Reason reason(Messages.SpawnFailed failed) {
    return CONTAINMENT_STEPS.contains(failed.step()) ? Reason.CONTAINMENT : Reason.SPAWN;
  }

  private static Exit exit(Messages.Exited exited) {
    Integer signal = exited.signal();
    if (signal != null) {
      return new Exit.Signal(signal);
    }
    Integer code = exited.code();
    return code == null ? new Exit.Unknown("it ended") : new Exit.Status(code);
  }

  /// Whether this number's process was ordered, and is not cleared yet. While a warden is being
  /// replaced that is so of all: they are about to be buried.
  public boolean knows(long number) {
    return roster.find(number) != null || phase() == Phase.REPLACING; // in the order of a burial
  }

  // --- A warden's death, on the keeper's thread ---

  private void keep(WardenProcess warden) {
    String end = warden.awaitEnd();
    Roster.All orphaned;
    lock.lock();
    try {
      if (phase == Phase.CLOSED) {
        return;
      }
      phase = Phase.REPLACING;
      current = null;
      orphaned = roster.takeAll();
      // Orders to the dead are void; those for new processes have their entry made before they are
      // queued here.
      orders.clear();
    } finally {
      lock.unlock();
    }
    LOG.warn(
        "The {} is gone ({}); its {} workers are replaced",
        charge.warden(setup.run()),
        end,
        orphaned.processes().size());
    sweep("the warden died");
    int _ = setup.cgroups().clear(swept, "the warden died");
    orphaned.alive().forEach(it -> setup.killer().recordExit(it, "it died with its warden"));
    orphaned
        .processes()
        .forEach((number, process) -> bury(process, orphaned.dead().contains(number)));
    replace();
  }

  private void bury(WorkerProcess process, boolean knownDead) {
    if (!knownDead) {
      process.exited(new Exit.Unknown("it died with its warden"), "", "");
    }
    process.cleared(0);
  }

  private SweepReport sweep(String why) {
    SweepReport report = setup.killer().sweep(setup.birthmark(), swept, why, SWEEP_TIMEOUT);
    if (!report.clear()) {
      LOG.error("Run {}: processes could not be killed: {}", setup.run(), report);
    }
    return report;
  }

  private void replace() {
    String cause = "the runtime is closed";
    for (int attempt = 1; attempt <= STARTS_MAX && phase() != Phase.CLOSED; attempt++) {
      try {
        install(WardenProcess.start(setup, charge, this::report));
        return;
      } catch (StartFailedException e) {
        cause = "%d attempts failed; %s".formatted(attempt, e.getMessage());
        LOG.error(
            "The new {} did not start (attempt {} of {})",
            charge.warden(setup.run()),
            attempt,
            STARTS_MAX,
            e);
      }
    }
    Roster.All hopeless;
    lock.lock();
    try {
      phase = Phase.CLOSED;
      hopeless = roster.takeAll();
      orders.clear();
    } finally {
      lock.unlock();
    }
    String why = "no warden could be started: " + cause;
    hopeless.processes().values().forEach(process -> process.spawnFailed(Reason.SPAWN, why));
  }

  private Phase phase() {
    lock.lock();
    try {
      return phase;
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
  Report shutDown() {
    WardenProcess warden;
    Thread keeping;
    lock.lock();
    try {
      phase = Phase.CLOSED;
      warden = current;
      current = null;
      keeping = keeper;
    } finally {
      lock.unlock();
    }
    OptionalInt said = warden == null ? OptionalInt.of(0) : warden.shutDown();
    awaitEnd(keeping);
    String why = charge.enclosed() ? "its pool has closed" : "the runtime closes";
    SweepReport rest = sweep(why);
    int forced = (int) rest.killed() + setup.cgroups().clear(swept, why);
    // Who lived when a warden had to be ended has died with it, whether the sweep still saw it or
    // not.
    int killed = said.isPresent() ? said.getAsInt() + forced : Math.max(roster.alive(), forced);
    return new Report(killed, rest.left().stream().map(it -> it.identity().pid()).toList());
  }

  // A successor that is being started at this moment must be gone before anybody says that nothing
  // is left.
  private static void awaitEnd(@Nullable Thread keeping) {
    try {
      if (keeping != null && !keeping.join(KEEPER_TIMEOUT)) {
        LOG.warn("{} did not end within {}", keeping.getName(), KEEPER_TIMEOUT);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
