package dev.terrarium.worker;

import com.google.errorprone.annotations.FormatMethod;
import com.google.errorprone.annotations.FormatString;
import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.terrarium.Exit;
import dev.terrarium.PoolConfig;
import dev.terrarium.Start;
import dev.terrarium.StartFailedException.Reason;
import dev.terrarium.registry.RegistryException;
import dev.terrarium.registry.WorkerRow;
import dev.terrarium.warden.WorkerProcess;
import dev.terrarium.wire.Messages;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
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

  private static final Logger LOG = LoggerFactory.getLogger(Zygote.class);

  private final PoolConfig config;
  private final Facilities facilities;
  private final SpawnOrders orders;
  private final LongSupplier numbers;
  private final ReentrantLock lock = new ReentrantLock();

  @GuardedBy("lock")
  private Start way;

  @GuardedBy("lock")
  private boolean closed;

  @GuardedBy("lock")
  private long current; // 0: none

  @GuardedBy("lock")
  private int serial;

  @GuardedBy("lock")
  private boolean asked; // the current one, for a worker

  @GuardedBy("lock")
  private boolean fruitful; // the current one has forked a worker

  @GuardedBy("lock")
  private int fruitless;

  @GuardedBy("lock")
  private int notForked;

  @GuardedBy("lock")
  private int alive;

  @GuardedBy("lock")
  private CompletableFuture<Void> gone = CompletableFuture.completedFuture(null);

  /// @param numbers gives it its own number, as a worker has one
  public Zygote(
      PoolConfig config, Facilities facilities, SpawnOrders orders, LongSupplier numbers) {
    this.config = config;
    this.facilities = facilities;
    this.orders = orders;
    this.numbers = numbers;
    this.way = config.start();
  }

  /// The order for a worker. Starts a zygote where there is none.
  ///
  /// @throws RegistryException where that cannot be written into the ledger
  Messages.Spawn order(String worker, String token) {
    lock.lock();
    try {
      long zygote = ensure();
      asked = true;
      return zygote == 0 ? orders.byExec(worker, token) : orders.byZygote(worker, token, zygote);
    } finally {
      lock.unlock();
    }
  }

  // INVARIANT: the zygote's own order is sent under the lock, so that none for a worker overtakes
  // it.
  @GuardedBy("lock")
  private long ensure() {
    if (current == 0 && way == Start.ZYGOTE && !closed) {
      long number = numbers.getAsLong();
      String id = WorkerRow.zygote(config.name(), ++serial);
      facilities.registry().reserve(id, number, config.name());
      current = number;
      asked = false;
      fruitful = false;
      if (alive++ == 0) {
        gone = new CompletableFuture<>();
      }
      var reports = new Reports(id, number);
      facilities.wardens().spawn(number, orders.zygote(id), reports);
      facilities.timer().after(config.startTimeout(), reports::endUnlessReady);
    }
    return current;
  }

  @GuardedBy("lock")
  private void ensureIfPossible() {
    try {
      ensure();
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
      fruitless = 0;
      notForked = 0;
    } finally {
      lock.unlock();
    }
  }

  /// A worker has not come to be within startTimeout: this zygote does not do its work, stopped
  /// perhaps, or a hook of the user's does not let it fork. It is ended, and what it has not forked
  /// comes back.
  void stuck(long number) {
    boolean givenUp;
    lock.lock();
    try {
      if (current != number) {
        return;
      }
      givenUp = !fruitful && way == Start.ZYGOTE;
      if (givenUp) {
        way = Start.EXEC;
      }
      facilities.wardens().kill(number, "it forks nobody");
    } finally {
      lock.unlock();
    }
    if (givenUp) {
      say(
          Level.WARN,
          "Pool '%s': its zygote has not forked a worker within %s; workers are started by exec"
              + " instead",
          config.name(),
          Texts.of(config.startTimeout()));
    }
  }

  /// A worker could not be forked. Should that never end, others are not to be tried for ever.
  void notForked(String why) {
    lock.lock();
    try {
      if (++notForked < NOT_FORKED_MAX || way == Start.EXEC) {
        return;
      }
      way = Start.EXEC;
      if (current != 0) {
        facilities.wardens().kill(current, "it forks nobody");
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

  /// Ends it for good; workers that it has forked live on.
  public void end() {
    lock.lock();
    try {
      closed = true;
      if (current != 0) {
        facilities.wardens().kill(current, "pool '" + config.name() + "' closes");
      }
    } finally {
      lock.unlock();
    }
  }

  /// Waits, at most so long, until nothing of it is left.
  public void awaitEnd(Duration longest) {
    CompletableFuture<Void> end;
    lock.lock();
    try {
      end = gone.copy();
    } finally {
      lock.unlock();
    }
    end.completeOnTimeout(null, Durations.millis(longest), TimeUnit.MILLISECONDS).join();
  }

  // Not on this thread: it is the loop's or the timer's.
  @FormatMethod
  private void say(Level level, @FormatString String format, Object... facts) {
    facilities.log().say(LOG, level, format, facts);
  }

  private final class Reports implements WorkerProcess {
    private final String id;
    private final long number;
    private volatile boolean ready;

    Reports(String id, long number) {
      this.id = id;
      this.number = number;
    }

    @Override
    public void spawned(long pid, long startTicks) {
      facilities.registry().activate(number, pid, startTicks, pid);
      lock.lock();
      try {
        if (closed) {
          facilities.wardens().kill(number, "pool '" + config.name() + "' is closed");
        }
      } finally {
        lock.unlock();
      }
    }

    @Override
    public void preloaded(List<String> threads) {
      ready = true;
      lock.lock();
      try {
        if (!threads.isEmpty()) {
          way = Start.EXEC;
        }
      } finally {
        lock.unlock();
      }
      if (threads.isEmpty()) {
        say(Level.DEBUG, "Zygote %s is ready", id);
      } else {
        say(
            Level.WARN,
            "Pool '%s': after importing %s there are %d threads (%s), and a process with more than"
                + " one cannot be forked safely; workers are started by exec instead, which takes"
                + " longer and more memory. Start threads in @on_start, or say start(Start.EXEC)",
            config.name(),
            config.adapter().getFileName(),
            threads.size(),
            String.join(", ", threads));
      }
    }

    private void endUnlessReady() {
      lock.lock();
      try {
        if (!ready && current == number) {
          facilities.wardens().kill(number, "it takes longer than startTimeout to import");
        }
      } finally {
        lock.unlock();
      }
    }

    @Override
    public void spawnFailed(Reason reason, String why) {
      ended("it could not be started: " + why, "", true);
      cleared(0);
    }

    @Override
    public void exited(Exit exit, String stderrTail, String limit) {
      // With its warden: that is no fault of its own.
      ended(exit.describe(), stderrTail, !(exit instanceof Exit.Unknown));
    }

    private void ended(String how, String stderr, boolean counts) {
      boolean givenUp;
      lock.lock();
      try {
        current = current == number ? 0 : current;
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
        say(Level.INFO, "Zygote %s ended (%s) and is replaced; its workers go on", id, how);
      }
    }

    @Override
    public void cleared(int strays) {
      facilities.registry().release(number);
      lock.lock();
      try {
        if (--alive == 0) {
          gone.complete(null);
        }
      } finally {
        lock.unlock();
      }
    }

    @Override
    public void output(Messages.Output output) {
      facilities.log().output(config.name(), id, output);
    }
  }
}
