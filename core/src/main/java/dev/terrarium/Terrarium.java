package dev.terrarium;

import static java.util.Objects.requireNonNull;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.terrarium.base.Count;
import dev.terrarium.base.DurationFormat;
import dev.terrarium.base.Durations;
import dev.terrarium.base.Log;
import dev.terrarium.base.Waits;
import dev.terrarium.call.PooledWorker;
import dev.terrarium.call.Transport;
import dev.terrarium.control.HostStatus.PoolStatus;
import dev.terrarium.event.Events;
import dev.terrarium.event.TerrariumEvent;
import dev.terrarium.orphan.OrphanDetector;
import dev.terrarium.orphan.ShutdownHook;
import dev.terrarium.pool.Draining;
import dev.terrarium.pool.PoolFigures;
import dev.terrarium.pool.WorkerPool;
import dev.terrarium.process.ProcessNames;
import dev.terrarium.registry.WorkerRow;
import dev.terrarium.warden.Wardens;
import dev.terrarium.wire.ValueCodec;
import dev.terrarium.worker.Aside;
import dev.terrarium.worker.Facilities;
import dev.terrarium.worker.FrameTransport;
import dev.terrarium.worker.SpawnOrders;
import dev.terrarium.worker.Worker;
import dev.terrarium.worker.Zygote;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.event.Level;

/// What one JVM has of Terrarium: a run id, a ledger, a warden, any number of pools. The first pool
/// starts a shared one and the last one ends it; a program that wants to say where things live
/// starts its own:
///
/// ```java
/// try (var terrarium = Terrarium.start(Config.defaults().withHome(path))) {
///   Pool models = Pool.builder().runtime(terrarium).adapter(path).start();
/// }
/// ```
///
/// A runtime ends when it is closed or when the JVM exits, whichever comes first; whatever happens
/// to the JVM, nothing that the runtime started is left. Safe for use by many threads.
public final class Terrarium implements AutoCloseable {
  private static final Log LOG = Log.of(Terrarium.class);
  private static final SharedRuntime SHARED =
      new SharedRuntime(python -> start(Config.defaults().withPython(python), true));

  /// How a runtime ended.
  ///
  /// @param killed processes that had to be ended by force, SIGTERM included; 0 is expected
  /// @param left processes of this runtime that could not be ended; anything but 0 is a bug, or a
  ///   process in state D, or the JVM had no descriptors left to look whether anything is there,
  ///   which the log says
  public record CloseReport(int killed, int left) {}

  private final RuntimeParts parts;
  private final ValueCodec codec = new ValueCodec();
  private final boolean ownedByPools;

  /// Of this runtime alone: what one runtime does, however long, is no other's business. Nothing is
  /// started or ended under it.
  private final Object lock = new Object();

  @GuardedBy("lock")
  private final List<Pool> pools = new ArrayList<>();

  private final AtomicLong workerNumbers = new AtomicLong();

  /// By the pool's name, and kept when a pool closes.
  private final Map<String, ProcessNames> processNames = new ConcurrentHashMap<>();

  private final AtomicLong killed = new AtomicLong();

  /// Pools that are being started on the shared runtime.
  @GuardedBy("lock")
  private int expected;

  /// Takes no more pools.
  @GuardedBy("lock")
  private boolean closed;

  private final Object closing = new Object();
  private volatile @Nullable CloseReport report;
  private ShutdownHook.@Nullable Registration atExit;

  private Terrarium(RuntimeParts parts, boolean ownedByPools) {
    this.parts = parts;
    this.ownedByPools = ownedByPools;
    parts.alsoLook(this::endStuckWorkers);
    parts.alsoMend(() -> openPools().forEach(Pool::mend));
    parts.tellOfPools(this::describePools);
    parts.alsoLookAfter(() -> openPools().stream().map(pool -> pool.config().adapter()).toList());
  }

  /// Starts a runtime with [Config#defaults()].
  public static Terrarium start() {
    return start(Config.defaults());
  }

  /// Starts a runtime: makes its run directory, sweeps what dead runtimes left behind, starts the
  /// warden.
  ///
  /// @throws StartFailedException saying what was missing; nothing is left running
  public static Terrarium start(Config config) {
    return start(config, false);
  }

  private static Terrarium start(Config config, boolean ownedByPools) {
    requireNonNull(config, "config");
    refuseAtTheEnd();
    Terrarium runtime = new Terrarium(RuntimeParts.start(config), ownedByPools);
    try {
      runtime.closeAtExit(config.exitHook());
      return runtime;
    } catch (IllegalStateException _) { // the end has begun meanwhile
      runtime.close();
      throw atTheEnd();
    }
  }

  private void closeAtExit(ExitHook hook) {
    if (hook.installed()) {
      atExit = ShutdownHook.ofJvm().register("run-" + runId(), hook, this::close);
    } else if (ShutdownHook.ofJvm().isJvmEnding()) {
      throw new IllegalStateException("the JVM is ending");
    }
  }

  // Before anything is started: nobody might be left to end it.
  private static void refuseAtTheEnd() {
    if (ShutdownHook.ofJvm().isJvmEnding()) {
      throw atTheEnd();
    }
  }

  private static StartFailedException atTheEnd() {
    return new StartFailedException(
        StartFailedException.Reason.CANCELLED,
        "The JVM is shutting down, in which nothing is started any more; start pools before, and"
            + " use them in a shutdown hook at most");
  }

  static Pool startShared(PoolConfig config) {
    refuseAtTheEnd();
    // The pool's interpreter, so that whoever names one needs no other on the machine.
    Terrarium runtime = SHARED.join(config.python());
    try {
      return runtime.start(config);
    } finally {
      runtime.settle();
    }
  }

  /// A pool is about to be started: until [#settle()] the last pool that closes does not end the
  /// runtime.
  ///
  /// @return false where it has ended already, or is about to
  boolean expectPool() {
    synchronized (lock) {
      expected += closed ? 0 : 1;
      return !closed;
    }
  }

  private void settle() {
    boolean unused;
    synchronized (lock) {
      expected--;
      unused = retire();
    }
    if (unused) {
      close();
    }
  }

  // The last pool's end is the runtime's, if nobody else owns it. A closing runtime closes its
  // pools, not the other way round.
  @GuardedBy("lock")
  private boolean retire() {
    boolean unused = ownedByPools && !closed && expected == 0 && pools.isEmpty();
    closed |= unused;
    return unused;
  }

  /// The run id, as it stands on the command line of every process of this runtime.
  public String runId() {
    return parts.runId().value();
  }

  Path stateDirectory() {
    return parts.stateDirectory();
  }

  /// Starts a pool of this runtime; the same as `Pool.builder()....runtime(this).start()`.
  ///
  /// @throws StartFailedException saying what was missing
  public Pool start(PoolConfig config) {
    requireNonNull(config, "config");
    refuseAtTheEnd();
    ProcessNames names = processNames.computeIfAbsent(config.name(), ProcessNames::new);
    Facilities facilities = parts.facilities(config);
    Wardens wardens = facilities.wardens();
    LongSupplier numbers = () -> wardens.number(workerNumbers.incrementAndGet());
    ValueCodec values = config.mapper().map(ValueCodec::new).orElse(codec);
    SpawnOrders orders = new SpawnOrders(config, facilities, values);
    Zygote zygote = new Zygote(config, facilities, orders, names, numbers);
    Transport transport = new FrameTransport(config, facilities);
    WorkerPool workers =
        new WorkerPool(
            config,
            listener ->
                new Worker(
                    names.nextWorker(),
                    numbers.getAsLong(),
                    config,
                    facilities,
                    zygote,
                    transport,
                    listener),
            zygote::parallelism,
            parts.clock(),
            facilities.memory());
    Pool pool = new Pool(this, config, values, workers, zygote, wardens);
    synchronized (lock) {
      if (closed) {
        throw new PoolClosedException("Runtime %s is closed".formatted(runId()));
      }
      if (pools.stream().anyMatch(other -> other.name().equals(config.name()))) {
        throw new IllegalArgumentException(
            "Runtime %s has a pool '%s' already; give this one another name(...)"
                .formatted(runId(), config.name()));
      }
      pools.add(pool);
    }
    try {
      parts.enter(config.name(), wardens);
      workers.start();
      Preloading.begin();
      return pool;
    } catch (RuntimeException | Error e) {
      close(pool);
      throw e;
    }
  }

  /// What the stats of a pool take from its runtime.
  PoolFigures figures(String pool) {
    List<WorkerRow> rows =
        listAllWorkers().stream().filter(row -> row.pool().equals(pool)).toList();
    Set<Long> workers =
        rows.stream()
            .filter(row -> !row.isZygote())
            .map(WorkerRow::number)
            .collect(Collectors.toUnmodifiableSet());
    return new PoolFigures(
        rows.size(), parts.processesOf(workers), ShutdownHook.ofJvm().activations());
  }

  private void endStuckWorkers() {
    openPools().forEach(pool -> pool.endStuckWorkers(this::tellStuck));
  }

  private List<PoolStatus> describePools() {
    return openPools().stream().map(pool -> new PoolStatus(pool.name(), pool.stats())).toList();
  }

  private List<Pool> openPools() {
    synchronized (lock) {
      return List.copyOf(pools);
    }
  }

  private void tellStuck(PooledWorker worker, String stacks) {
    parts
        .events()
        .publish(
            new TerrariumEvent.WorkerStuck(
                Instant.now(), runId(), worker.id(), worker.pid(), stacks));
  }

  /// A pool of this runtime by its name.
  ///
  /// @throws IllegalArgumentException where there is none, naming those that there are
  public Pool pool(String name) {
    requireNonNull(name, "name");
    synchronized (lock) {
      return pools.stream()
          .filter(pool -> pool.name().equals(name))
          .findFirst()
          .orElseThrow(
              () ->
                  new IllegalArgumentException(
                      "Runtime %s has no pool '%s'; it has %s"
                          .formatted(runId(), name, pools.stream().map(Pool::name).toList())));
    }
  }

  void close(Pool pool) {
    int forced = 0;
    boolean last;
    try {
      forced = pool.closeWorkers();
    } finally {
      forced += parts.leave(pool.wardens()).killed();
    }
    synchronized (lock) {
      if (pools.remove(pool)) { // whoever closes it again has nothing to count
        killed.addAndGet(forced);
      }
      last = retire();
    }
    if (last) {
      close();
    }
  }

  /// Finds, and ends, processes of runtimes that are dead, and says what there is of ours on this
  /// machine.
  public OrphanDetector orphanDetector() {
    return parts.orphanDetector();
  }

  /// Every worker and zygote that the ledger has at this moment, in no order.
  public List<WorkerRow> listAllWorkers() {
    return parts.registry().listAllWorkers();
  }

  /// The processes of all workers in that ledger, zygotes not among them.
  public Set<Long> activePythonPids() {
    return parts.registry().activePythonPids();
  }

  /// Calls `subscriber` with each event of this type, on a thread that all subscribers share, one
  /// after the other: a slow one keeps the others waiting, and never the runtime. Where 1,000 wait
  /// ([Events#WAITING_MAX]), further ones are dropped. Up to 100 events that nobody has subscribed
  /// to yet, such as orphans that were found during the start, come first. Closing what is returned
  /// ends that, as the runtime's end does.
  public <E extends TerrariumEvent> Events.Subscription onEvent(
      Class<E> type, Consumer<E> subscriber) {
    requireNonNull(type, "type");
    requireNonNull(subscriber, "subscriber");
    return parts.events().subscribe(type, subscriber);
  }

  /// Closes all pools, side by side, then the runtime itself. The pools get [Config#closeTimeout];
  /// what is left then is killed, which takes seconds only where the warden does not answer.
  /// Closing twice does nothing; a second caller waits for the first.
  @Override
  public void close() {
    synchronized (lock) {
      closed = true;
    }
    SHARED.forget(this);
    synchronized (closing) {
      if (report == null) {
        report = closeInPeace();
        if (atExit != null) {
          atExit.close();
        }
      }
    }
  }

  /// Ends the runtime without ending calls, as far as there is time: no pool takes new ones, those
  /// that run are finished, and then it closes. Short for `shutdown(longest, Drain.RUNNING)`.
  ///
  /// @param longest how long calls may go on; closing takes its own time
  public ShutdownReport shutdown(Duration longest) {
    return shutdown(longest, Drain.RUNNING);
  }

  /// As [Pool#shutdown(Duration, Drain)] for all pools, side by side, and then [#close()]. No pool
  /// is started from now on.
  ///
  /// @return the pools' figures in one
  public ShutdownReport shutdown(Duration longest, Drain drain) {
    requireNonNull(longest, "longest");
    requireNonNull(drain, "drain");
    long start = System.nanoTime();
    synchronized (lock) {
      closed = true;
    }
    SHARED.forget(this);
    List<Draining> pools = openPools().stream().map(pool -> pool.drain(drain)).toList();
    long end = start + Durations.nanos(longest);
    pools.forEach(pool -> pool.await(end));
    close();
    Duration took = Duration.ofNanos(System.nanoTime() - start);
    return new ShutdownReport(
        pools.stream().mapToLong(Draining::finished).sum(),
        pools.stream().mapToLong(Draining::refused).sum(),
        pools.stream().mapToLong(Draining::cutOff).sum(),
        took);
  }

  /// How the runtime ended; empty while it has not.
  public Optional<CloseReport> closeReport() {
    return Optional.ofNullable(report);
  }

  // In a thread that nobody can interrupt: each wait of an end that is cut short would leave
  // something to the next layer. `join` waits whatever happens, and keeps the flag.
  private CloseReport closeInPeace() {
    var aside = new Aside("terrarium-close-" + runId());
    return CompletableFuture.supplyAsync(this::closeOnce, aside).join();
  }

  // Whatever of it fails, the rest is done.
  private CloseReport closeOnce() {
    List<Pool> open = openPools();
    long start = System.nanoTime();
    closeAll(open);
    Wardens.Report rest = parts.shutDown();
    for (Pool pool : open) {
      guarded("the calls of pool '" + pool.name() + "'", pool::abandon);
    }
    int forced = (int) killed.get() + rest.killed();
    int left = rest.certain() ? rest.left().size() : Math.max(1, rest.left().size());
    if (rest.killed() > 0) {
      ShutdownHook.ofJvm().activated();
    }
    guarded("the last word", () -> sayHowItEnded(rest, forced, System.nanoTime() - start));
    parts.close();
    return new CloseReport(forced, left);
  }

  private void sayHowItEnded(Wardens.Report rest, int forced, long nanos) {
    if (!rest.certain()) {
      say(
          Level.ERROR,
          "it could not be looked at whether processes are left, known are pids %s; the next start looks again, and so does `terrarium orphans kill`"
              .formatted(rest.left()));
    } else if (!rest.left().isEmpty()) {
      say(
          Level.ERROR,
          "%s could not be ended: pids %s; the next start looks again, and so does `terrarium orphans kill`"
              .formatted(Count.of(rest.left().size(), "process", "processes"), rest.left()));
    } else if (forced > 0) {
      say(
          Level.WARN,
          "%s had to be ended by force at shutdown"
              .formatted(Count.of(forced, "process", "processes")));
    } else {
      say(
          Level.INFO,
          "nothing left at shutdown (%s)".formatted(DurationFormat.of(Duration.ofNanos(nanos))));
    }
  }

  // Through the queue: a logging backend that stalls must not keep the JVM from ending.
  private void say(Level level, String what) {
    LOG.say(level, "Run %s: %s", runId(), what);
  }

  // Side by side: three pools with stubborn workers take as long as one.
  private void closeAll(List<Pool> open) {
    long end = System.nanoTime() + Durations.nanos(parts.config().closeTimeout());
    var aside = new Aside("terrarium-close");
    List<CompletableFuture<Void>> ends =
        open.stream()
            .map(
                pool ->
                    CompletableFuture.runAsync(
                        () -> guarded("pool '" + pool.name() + "'", () -> close(pool)), aside))
            .toList();
    for (CompletableFuture<Void> each : ends) {
      // Whatever is not over by then the warden ends.
      boolean _ = Waits.uninterruptibly(each, Duration.ofNanos(end - System.nanoTime()));
    }
  }

  private void guarded(String what, Runnable end) {
    try {
      end.run();
    } catch (RuntimeException | Error e) {
      say(Level.WARN, "%s could not be ended as it should: %s".formatted(what, e));
    }
  }
}
