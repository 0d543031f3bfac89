package dev.terrarium.worker;

import com.google.errorprone.annotations.FormatMethod;
import com.google.errorprone.annotations.FormatString;
import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.terrarium.Exit;
import dev.terrarium.PoolConfig;
import dev.terrarium.Start;
import dev.terrarium.StartFailedException.Reason;
import dev.terrarium.base.Count;
import dev.terrarium.base.DurationFormat;
import dev.terrarium.base.Durations;
import dev.terrarium.base.Log;
import dev.terrarium.base.Waits;
import dev.terrarium.process.ProcessName;
import dev.terrarium.process.ProcessNames;
import dev.terrarium.registry.RegistryException;
import dev.terrarium.warden.WorkerProcess;
import dev.terrarium.wire.Messages;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.event.Level;

/// The process that forks a pool's workers, and its successor when it dies. It decides how each
/// worker comes to be: forked, or by exec where there can be no zygote.
///
/// It is started with the first worker and need not be waited for: the warden passes orders on, and
/// they wait there until it has imported the adapter. An order that it takes into its grave comes
/// back as [WorkerProcess#notForked], and its worker is replaced by another.
///
/// Threads: any. Reports come on the loop's or the warden keeper's thread.
public final class Zygote {
  /// Zygotes in a row that were asked for workers and died before they had forked one, after which
  /// workers are started by exec: each then dies for itself, and the pool says how.
  static final int FRUITLESS_MAX = 3;

  /// Workers in a row that could not be forked, after which the same happens: well above what a
  /// zygote takes into its grave.
  static final int NOT_FORKED_MAX = 256;

  /// Workers that may be on their way at the same time: the warden and the zygote take orders in
  /// one after the other, and should find the next one waiting.
  static final int FORKED_PARALLELISM = 64;

  private static final int SIGTERM = 15; // for the warden: that there are no more orders

  private static final Log LOG = Log.of(Zygote.class);

  private final PoolConfig config;
  private final Facilities facilities;
  private final SpawnOrders orders;
  private final ProcessNames names;
  private final LongSupplier numbers;
  private final ReentrantLock lock = new ReentrantLock();

  @GuardedBy("lock")
  private Start way;

  @GuardedBy("lock")
  private boolean closed;

  @GuardedBy("lock")
  private @Nullable Reports current;

  @GuardedBy("lock")
  private boolean asked; // the current one, for a worker

  @GuardedBy("lock")
  private boolean importing; // the current one, still

  @GuardedBy("lock")
  private boolean given; // the current one is given up

  @GuardedBy("lock")
  private long hung; // the one that was ended last because it hung

  @GuardedBy("lock")
  private Stacks ofHung = new Stacks("", ""); // what it was doing

  @GuardedBy("lock")
  private long progressAt; // when it was ready, or has last forked; of the nanosecond clock

  @GuardedBy("lock")
  private boolean fruitful; // the current one has forked a worker

  @GuardedBy("lock")
  private int fruitless;

  @GuardedBy("lock")
  private int notForked;

  @GuardedBy("lock")
  private final Set<Reports> alive = new HashSet<>(); // those that were replaced, too

  @GuardedBy("lock")
  private CompletableFuture<Void> gone = CompletableFuture.completedFuture(null);

  /// @param names gives it its name, as it gives the workers theirs
  /// @param numbers gives it its own number, as a worker has one
  public Zygote(
      PoolConfig config,
      Facilities facilities,
      SpawnOrders orders,
      ProcessNames names,
      LongSupplier numbers) {
    this.config = config;
    this.facilities = facilities;
    this.orders = orders;
    this.names = names;
    this.numbers = numbers;
    this.way = config.start();
  }

  /// The order for a worker. Starts a zygote where there is none.
  ///
  /// @throws RegistryException where that cannot be written into the ledger
  Messages.Spawn order(ProcessName worker, String token) {
    lock.lock();
    try {
      Reports zygote = ensure();
      asked = true;
      return zygote == null
          ? orders.byExec(worker, token)
          : orders.byZygote(worker, token, zygote.number);
    } finally {
      lock.unlock();
    }
  }

  // INVARIANT: the zygote's own order is sent under the lock, so that none for a worker overtakes
  // it.
  @GuardedBy("lock")
  private @Nullable Reports ensure() {
    if (given && current != null && !facilities.wardens().knows(current.number)) {
      current = null; // nothing is still to be reported of it
    }
    if (current == null && way == Start.ZYGOTE && !closed) {
      var reports = new Reports(names.nextZygote(), numbers.getAsLong());
      facilities.registry().reserve(reports.name, reports.number);
      current = reports;
      asked = false;
      importing = true;
      given = false;
      fruitful = false;
      begin(reports);
    }
    return way == Start.ZYGOTE ? current : null;
  }

  @GuardedBy("lock")
  private void begin(Reports reports) {
    try {
      if (alive.isEmpty()) {
        gone = new CompletableFuture<>();
      }
      alive.add(reports);
      facilities.clock().after(config.startTimeout(), reports::endUnlessReady);
      facilities.wardens().spawn(reports.number, orders.zygote(reports.name), reports);
    } catch (VirtualMachineError e) { // or workers would wait for one that nobody has ordered
      current = null;
      reports.cleared(0);
      throw e;
    }
  }

  @GuardedBy("lock")
  private void ensureIfPossible() {
    try {
      Reports _ = ensure();
    } catch (RegistryException e) {
      LOG.warn(
          "Pool '{}': no zygote for the moment", config.name(), e); // the next order tries again
    }
  }

  /// A worker has come to be.
  void forked() {
    lock.lock();
    try {
      fruitful = true;
      progressAt = facilities.clock().nanos();
      fruitless = 0;
      notForked = 0;
    } finally {
      lock.unlock();
    }
  }

  /// How long a zygote that has imported the adapter may fork nobody though it was told to: the
  /// other half of startTimeout is for workers that are started without it.
  Duration patience() {
    return config.startTimeout().dividedBy(2);
  }

  /// A worker has not come to be yet. Where nothing has for the whole of [#patience()], and it is
  /// not the import that takes its time, the zygote hangs.
  ///
  /// @param orderedAt of the nanosecond clock
  void waitedFor(long number, long orderedAt) {
    boolean hangs;
    lock.lock();
    try {
      long now = facilities.clock().nanos();
      long idle = Math.min(now - progressAt, now - orderedAt);
      hangs = isCurrent(number) && !importing && idle >= Durations.nanos(patience());
    } finally {
      lock.unlock();
    }
    if (hangs) {
      stuck(number);
    }
  }

  /// A worker has not come to be in time: this zygote does not do its work, stopped perhaps, or
  /// something of the user's does not let it fork. Its stacks are said, it is ended, and what it
  /// has not forked comes back.
  void stuck(long number) {
    boolean givenUp;
    lock.lock();
    try {
      if (!isCurrent(number) || given) {
        return;
      }
      given = true;
      givenUp = !fruitful && way == Start.ZYGOTE;
      if (givenUp) {
        way = Start.EXEC;
      }
    } finally {
      lock.unlock();
    }
    String then = givenUp ? "workers are started by exec instead" : "it is replaced";
    endWithStacks(number, "its zygote forks nobody; " + then, "it forks nobody");
  }

  /// Passes on what a zygote is doing, or was doing when it was ended because it hung: those who
  /// wait for it may give up a moment later.
  void stacks(long number, Consumer<Stacks> told) {
    boolean known;
    Stacks last;
    lock.lock();
    try {
      known = hung == number;
      last = ofHung;
    } finally {
      lock.unlock();
    }
    if (known) {
      told.accept(last);
    } else {
      facilities.wardens().dump(number, text -> told.accept(Stacks.of(text, pidOf(number))));
    }
  }

  // 0 before it has one.
  private long pidOf(long number) {
    lock.lock();
    try {
      return current != null && current.number == number ? current.pid : 0;
    } finally {
      lock.unlock();
    }
  }

  @GuardedBy("lock")
  private boolean isCurrent(long number) {
    return current != null && current.number == number;
  }

  private void remember(long number, Stacks stacks) {
    lock.lock();
    try {
      hung = number;
      ofHung = stacks;
    } finally {
      lock.unlock();
    }
  }

  private void endWithStacks(long number, String what, String why) {
    stacks(
        number,
        stacks -> {
          remember(number, stacks);
          facilities.wardens().kill(number, why);
          say(
              Level.WARN,
              "Pool '%s': %s; %s%s",
              config.name(),
              what,
              stacks.introduction("it"),
              stacks.text().isEmpty() ? "" : "\n" + stacks.text());
        });
    // Should the warden have no answer.
    facilities.clock().after(Stacks.WAIT, () -> facilities.wardens().kill(number, why));
  }

  /// A worker could not be forked. Should that never end, others are not to be tried for ever.
  void notForked(String why) {
    lock.lock();
    try {
      if (++notForked < NOT_FORKED_MAX || way == Start.EXEC) {
        return;
      }
      way = Start.EXEC;
      if (current != null) {
        facilities.wardens().kill(current.number, "it forks nobody");
      }
    } finally {
      lock.unlock();
    }
    say(
        Level.WARN,
        "Pool '%s': %d workers in a row could not be forked (%s); they are started by exec instead",
        config.name(),
        NOT_FORKED_MAX,
        why);
  }

  /// How many of the pool's workers may be starting at the same time, now that it starts them as it
  /// does: interpreters that import compete for the processors.
  public int parallelism() {
    if (config.startParallelism() > 0) {
      return config.startParallelism();
    }
    lock.lock();
    try {
      return way == Start.ZYGOTE
          ? FORKED_PARALLELISM
          : Math.max(4, 2 * Runtime.getRuntime().availableProcessors());
    } finally {
      lock.unlock();
    }
  }

  /// Ends it for good; workers that it has forked live on. It ends behind the last of them, when it
  /// has run the exit handlers of what it has imported.
  public void end() {
    lock.lock();
    try {
      closed = true;
      alive.forEach(Reports::askToEnd);
    } finally {
      lock.unlock();
    }
  }

  /// Waits, at most so long, until nothing of it is left; kills it otherwise, and waits as long
  /// again.
  public void awaitEnd(Duration longest) {
    if (!isGone(longest)) {
      LOG.warn(
          "Pool '{}': the exit handlers of what its zygote has imported have not ended within {}:"
              + " SIGKILL",
          config.name(),
          DurationFormat.of(longest));
      lock.lock();
      try {
        alive.forEach(Reports::kill);
      } finally {
        lock.unlock();
      }
      boolean _ = isGone(longest);
    }
  }

  private boolean isGone(Duration longest) {
    CompletableFuture<Void> end;
    lock.lock();
    try {
      end = gone.copy();
    } finally {
      lock.unlock();
    }
    return Waits.uninterruptibly(end, longest);
  }

  // Not on this thread: it is the loop's or the timer's.
  @FormatMethod
  private void say(Level level, @FormatString String format, Object... facts) {
    LOG.say(level, format, facts);
  }

  private final class Reports implements WorkerProcess {
    private final ProcessName name;
    private final long number;
    private volatile long pid; // 0 before it has one
    private volatile boolean ready;

    Reports(ProcessName name, long number) {
      this.name = name;
      this.number = number;
    }

    @Override
    public void spawned(long newPid, long startTicks) {
      facilities.registry().activate(number, newPid, startTicks, newPid);
      pid = newPid;
      lock.lock();
      try {
        if (closed) {
          facilities.wardens().kill(number, "pool '" + config.name() + "' is closed");
        }
      } finally {
        lock.unlock();
      }
    }

    // One that still imports has nothing to clean up, and may take long.
    private void askToEnd() {
      if (ready) {
        facilities.wardens().signal(number, SIGTERM, closing());
      } else {
        kill();
      }
    }

    private void kill() {
      facilities.wardens().kill(number, closing());
    }

    private String closing() {
      return "pool '" + config.name() + "' closes";
    }

    @Override
    public void preloaded(List<String> threads, List<String> descriptors, boolean ends) {
      ready = true;
      boolean forks = threads.isEmpty() && descriptors.isEmpty();
      lock.lock();
      try {
        importing = false;
        progressAt = facilities.clock().nanos();
        if (!forks) {
          way = Start.EXEC;
        }
        if (ends && current == this) {
          current = null;
          ensureIfPossible();
        }
      } finally {
        lock.unlock();
      }
      if (forks && ends) {
        say(Level.INFO, "Zygote %s is replaced, and ends when its workers have ended", name);
      } else if (forks) {
        say(Level.DEBUG, "Zygote %s is ready", name);
      } else if (threads.isEmpty()) {
        sayInTheWay(
            Count.of(
                descriptors.size(),
                "open descriptor with a state in the kernel",
                "open descriptors with a state in the kernel"),
            "which processes that are forked would share",
            descriptors,
            "Open them in @on_start, close them when the import is done, or say start(Start.EXEC)");
      } else {
        sayInTheWay(
            Count.of(threads.size(), "thread", "threads"),
            "and a process with more than one cannot be forked safely",
            threads,
            "Start threads in @on_start, name those that do no harm with harmlessThreads(...), or"
                + " say start(Start.EXEC)");
      }
    }

    private void sayInTheWay(String what, String why, List<String> names, String remedy) {
      say(
          Level.WARN,
          "Pool '%s': after importing %s there %s %s (%s), %s; workers are started by exec instead,"
              + " which takes longer and more memory. %s",
          config.name(),
          config.adapter().getFileName(),
          names.size() == 1 ? "is" : "are",
          what,
          String.join(", ", names),
          why,
          remedy);
    }

    private void endUnlessReady() {
      boolean late;
      lock.lock();
      try {
        late = !ready && current == this;
      } finally {
        lock.unlock();
      }
      if (late) {
        String limit = DurationFormat.of(config.startTimeout());
        endWithStacks(
            number,
            "its zygote was not through with importing %s within %s"
                .formatted(config.adapter().getFileName(), limit),
            "it takes longer than startTimeout to import");
      }
    }

    @Override
    public void spawnFailed(Reason reason, String why) {
      say(Level.WARN, "Pool '%s': zygote %s could not be started: %s", config.name(), name, why);
      // Where there is no warden that is no fault of its own.
      ended("it could not be started: " + why, "", reason != Reason.WARDEN);
      cleared(0);
    }

    @Override
    public void exited(Exit exit, String stderrTail, String limit) {
      if (!ready && !(exit instanceof Exit.Unknown)) {
        facilities.wardens().diedEarly();
      }
      // With its warden: that is no fault of its own.
      String how = exit.describe() + (limit.isEmpty() ? "" : ", " + limit);
      ended(how, WorkerLog.readable(stderrTail), !(exit instanceof Exit.Unknown));
    }

    private void ended(String how, String stderr, boolean counts) {
      boolean givenUp;
      lock.lock();
      try {
        if (current != this) {
          return; // it was replaced before
        }
        current = null;
        if (closed || way == Start.EXEC) {
          return;
        }
        fruitless += counts && asked && !fruitful ? 1 : 0;
        givenUp = fruitless >= FRUITLESS_MAX;
        if (givenUp) {
          way = Start.EXEC;
        } else if (ready && asked) {
          // The next worker should not have to wait for it. But one that nobody has asked for
          // anything
          // dies by itself, perhaps each time.
          ensureIfPossible();
        }
      } finally {
        lock.unlock();
      }
      if (givenUp) {
        say(
            Level.WARN,
            "Pool '%s': its zygote ended %d times before it had forked a worker (%s); workers are"
                + " started by exec instead%s",
            config.name(),
            FRUITLESS_MAX,
            how,
            stderr.isEmpty() ? "" : "\nthe end of its stderr:\n" + stderr);
      } else {
        say(Level.INFO, "Zygote %s ended (%s) and is replaced; its workers go on", name, how);
      }
    }

    @Override
    public void cleared(int strays) {
      facilities.registry().release(number);
      lock.lock();
      try {
        alive.remove(this);
        if (alive.isEmpty()) {
          gone.complete(null);
        }
      } finally {
        lock.unlock();
      }
    }

    @Override
    public void output(Messages.Output output) {
      facilities.log().output(config.name(), name.toString(), output);
    }
  }
}
