package dev.terrarium.worker;

import dev.terrarium.Exit;
import dev.terrarium.PoolClosedException;
import dev.terrarium.PoolConfig;
import dev.terrarium.PoolStats;
import dev.terrarium.StartFailedException.Reason;
import dev.terrarium.TerrariumException;
import dev.terrarium.ToolInfo;
import dev.terrarium.WorkerDiedException;
import dev.terrarium.base.Count;
import dev.terrarium.base.DurationFormat;
import dev.terrarium.base.Durations;
import dev.terrarium.base.Each;
import dev.terrarium.base.Log;
import dev.terrarium.call.ChannelListener;
import dev.terrarium.call.Exchange;
import dev.terrarium.call.PooledWorker;
import dev.terrarium.call.StopReason;
import dev.terrarium.call.Transport;
import dev.terrarium.call.WorkerChannel;
import dev.terrarium.call.WorkerEnd;
import dev.terrarium.call.WorkerListener;
import dev.terrarium.process.ProcFs;
import dev.terrarium.process.ProcStat;
import dev.terrarium.process.ProcessName;
import dev.terrarium.registry.RegistryException;
import dev.terrarium.warden.WorkerProcess;
import dev.terrarium.wire.Messages;
import dev.terrarium.wire.Messages.CancelReason;
import dev.terrarium.wire.ProtocolException;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.event.Level;

/// One worker: a process with a lifecycle. All changes of state go through [#apply], the one door;
/// what a change entails happens after the lock is left. How it starts is [WorkerStart]'s, how
/// calls reach it its channel's, what is done where its death is not reported [DeathWatch]'s.
///
/// A worker's death is the warden's report, never an EOF: a grandchild may hold the socket, and a
/// closed connection may belong to a process that lives. A worker that loses its connection is
/// therefore killed, and gone when the warden says so.
public final class Worker implements PooledWorker {
  /// How long a worker that closed its connection may take to be dead: one that exits closes it on
  /// its way out, and is to be named as what it was. One that lives on is killed.
  static final Duration DISCONNECT_GRACE = Duration.ofSeconds(1);

  /// How long what a worker said before it died may still be unread: the loop may come to the
  /// warden's report before it comes to the worker's connection. It ends with the connection, so
  /// this is for those whose children hold it open, and for those who never dialled.
  static final Duration LAST_WORDS_WAIT = Duration.ofMillis(250);

  /// How long the start of a worker may take from its making to the order of its process.
  static final Duration START_CUT_SHORT = Duration.ofSeconds(5);

  private static final Log LOG = Log.of(Worker.class);

  private final ProcessName name;
  private final String id;
  private final long number;
  private final PoolConfig config;
  private final Facilities facilities;
  private final Zygote zygote;
  private final Transport transport;
  private final WorkerListener listener;
  private final WorkerStart start;
  private final DeathWatch deathWatch;
  private final AtomicLong served = new AtomicLong();
  private final ReentrantLock lock = new ReentrantLock();

  /// Changed under the lock, read by everybody.
  private volatile WorkerState state = new WorkerState.Reserved();

  /// The state that was entered, and of which not all has happened that it entails: there was no
  /// memory for it.
  private volatile @Nullable WorkerState halfEntered;

  private final long madeAt;
  private final AtomicBoolean begun = new AtomicBoolean();
  private volatile boolean cutShort; // its start was, and there was no memory to say so
  private volatile Transport.@Nullable Expected expected;

  public Worker(
      ProcessName name,
      long number,
      PoolConfig config,
      Facilities facilities,
      Zygote zygote,
      Transport transport,
      WorkerListener listener) {
    this.name = name;
    this.id = name.toString();
    this.number = number;
    this.config = config;
    this.facilities = facilities;
    this.zygote = zygote;
    this.transport = transport;
    this.listener = listener;
    this.madeAt = facilities.clock().nanos();
    this.start = new WorkerStart(number, config, facilities, zygote, new Subject());
    this.deathWatch = new DeathWatch(number, facilities, new Subject());
  }

  /// Has the JVM link what it links at the first use, and what is broken for ever where there is no
  /// memory for that: a pattern `switch`, a record's `equals`.
  public static void prepare() {
    WorkerLife.rehearse();
  }

  @Override
  public String id() {
    return id;
  }

  @Override
  public long pid() {
    return state.pid();
  }

  @Override
  public PoolStats.WorkerInfo info() {
    Optional<ProcStat> stat = ProcFs.stat(pid());
    return new PoolStats.WorkerInfo(
        id,
        pid(),
        stat.map(ProcStat::cpu).orElse(Duration.ZERO),
        stat.map(ProcStat::residentBytes).orElse(0L));
  }

  @Override
  public List<ToolInfo> tools() {
    WorkerChannel channel = state.channel();
    return channel == null ? List.of() : channel.tools();
  }

  @Override
  public long callsInFlight() {
    return calls().stream().filter(call -> !call.isDone()).count();
  }

  private Collection<Exchange> calls() {
    WorkerChannel channel = state.channel();
    return channel == null ? List.of() : channel.calls();
  }

  @Override
  public boolean takesMemory() {
    WorkerChannel channel = state.channel();
    return channel != null && channel.takesMemory();
  }

  @Override
  public boolean supportsPipelining() {
    WorkerChannel channel = state.channel();
    return channel != null && channel.supportsPipelining();
  }

  @Override
  public long served() {
    return served.get();
  }

  @Override
  public boolean isReady() {
    return state instanceof WorkerState.Ready;
  }

  @Override
  public boolean isGone() {
    return state instanceof WorkerState.Gone;
  }

  // --- Start ---

  /// Writes the ledger's row, then asks the warden for the process.
  @Override
  public void start() {
    if (!begun.compareAndSet(false, true)) {
      return; // it took so long that it was given up
    }
    if (!(state instanceof WorkerState.Reserved)) {
      startFailed("its pool was closed before"); // nobody asked for a process yet
      return;
    }
    try {
      facilities.registry().reserve(name, number);
      Transport.Expected coming = transport.expect(this, new FromChannel());
      expected = coming;
      start.spawn(zygote.order(name, coming.token()), new Reports());
    } catch (RegistryException e) {
      startFailed(String.valueOf(e.getMessage()));
    } catch (VirtualMachineError e) {
      cutShort = true;
      startFailed("there was no memory, or no thread, for it: " + e.getMessage());
    } catch (RuntimeException | Error e) { // the pool tries again, later and later
      startFailed(e.toString());
    }
  }

  // Its process has not been ordered, or not at all.
  private void startFailed(String why) {
    apply(new WorkerEvent.SpawnFailed(Reason.SPAWN, why));
  }

  // --- Calls ---

  @Override
  public boolean submit(List<? extends Exchange> several) {
    WorkerChannel channel;
    lock.lock();
    try {
      if (!(state instanceof WorkerState.Ready ready)) {
        return false;
      }
      channel = ready.channel();
      channel.take(several);
    } finally {
      lock.unlock();
    }
    channel.send(several);
    return true;
  }

  @Override
  public void withdraw(List<? extends Exchange> several) {
    WorkerChannel channel = state.channel();
    if (channel != null) {
      channel.withdraw(several);
    }
  }

  @Override
  public void deadlinePassed(Exchange call, Duration deadline) {
    WorkerChannel channel = state.channel();
    if (channel != null) {
      channel.deadlinePassed(call, deadline);
    }
  }

  @Override
  public void interrupt(Exchange call, CancelReason reason) {
    WorkerChannel channel = state.channel();
    if (channel != null) {
      channel.interrupt(call, reason);
    }
  }

  @Override
  public void endIfStuck(BiConsumer<PooledWorker, String> told) {
    if (isStuck()) {
      facilities.wardens().dump(number, stacks -> endStuck(stacks, told));
    }
  }

  private boolean isStuck() {
    Duration limit = config.stuckAfter();
    return !limit.isZero()
        && state instanceof WorkerState.Ready ready
        && ready.channel().silence().compareTo(limit) > 0;
  }

  // A JVM that stood still itself has words of its worker to read: by now it has.
  private void endStuck(String stacks, BiConsumer<PooledWorker, String> told) {
    if (isStuck()) {
      told.accept(this, stacks);
      String limit = DurationFormat.of(config.stuckAfter());
      kill(new StopReason.Unresponsive("silent for longer than stuckAfter (" + limit + ")"));
    }
  }

  @Override
  public WorkerDiedException brokeProtocol(Exchange call, ProtocolException why) {
    String detail = "protocol error: " + why.getMessage();
    kill(new StopReason.BrokeProtocol(detail));
    return new WorkerDiedException(id, call.tool(), new Exit.Unknown("it is killed"), detail, "");
  }

  // --- The one door ---

  /// Asks the worker to end: cancel what runs, `@on_stop`, exit; after the grace SIGTERM, after
  /// another SIGKILL. One that is retired finishes its calls first. Where its pool closes, its
  /// callers are told at once, whatever state it is in: the end of one that was ending already may
  /// never be reported.
  @Override
  public void stop(StopReason why) {
    apply(new WorkerEvent.StopAsked(why));
    if (why instanceof StopReason.PoolClosed) {
      Each.of(calls(), call -> call.fail(this::closedError));
    }
  }

  @Override
  public void abandon() {
    lose(false, _ -> closedError());
  }

  private void lose(boolean certain, Function<Exchange, TerrariumException> why) {
    WorkerChannel channel = state.channel();
    if (channel != null) {
      channel.lost(certain, why);
    }
  }

  private void kill(StopReason reason) {
    apply(new WorkerEvent.KillAsked(reason));
  }

  private void apply(WorkerEvent event) {
    WorkerState before;
    WorkerState after;
    lock.lock();
    try {
      before = state;
      after = WorkerLife.next(before, event);
      state = after;
    } finally {
      lock.unlock();
    }
    if (!after.equals(before)) {
      LOG.debug("Worker {}: {} -> {}", id, before, after);
    }
    if (!isSameStep(before, after)) {
      enter(after);
    }
  }

  // Then only more is known.
  private static boolean isSameStep(WorkerState before, WorkerState after) {
    return before.getClass() == after.getClass()
        && !(before instanceof WorkerState.Stopping from
            && after instanceof WorkerState.Stopping to
            && from.forced() != to.forced());
  }

  private void enter(WorkerState after) {
    try {
      entered(after);
    } catch (VirtualMachineError e) {
      if (!(halfEntered instanceof WorkerState.Gone)) {
        halfEntered = after;
      }
      throw e;
    }
  }

  @Override
  public void mend() {
    WorkerState half = halfEntered;
    if (half != null) {
      halfEntered = null;
      if (isSameStep(half, state)) {
        enter(state);
      }
    }
    if (isForgotten()) {
      startFailed("its start was cut short");
    } else if (hasBrokenChannel()) {
      apply(new WorkerEvent.StopAsked(new StopReason.Disconnected("its connection broke")));
    } else {
      leaveWhenDrained();
    }
  }

  private boolean isForgotten() {
    return cutShort
        || (facilities.clock().since(madeAt).compareTo(START_CUT_SHORT) > 0
            && begun.compareAndSet(false, true));
  }

  private boolean hasBrokenChannel() {
    WorkerState now = state;
    WorkerChannel channel = now.channel();
    boolean atWork = now instanceof WorkerState.Ready || now instanceof WorkerState.Draining;
    return atWork && channel != null && !channel.isOpen();
  }

  private void entered(WorkerState after) {
    switch (after) {
      case WorkerState.Reserved _, WorkerState.Greeted _, WorkerState.Starting _ -> {}
      case WorkerState.Ready ready -> becomeReady(ready);
      case WorkerState.Draining _ -> drain();
      case WorkerState.Stopping stopping -> leave(stopping);
      case WorkerState.Exiting _ -> awaitLastWords();
      case WorkerState.Gone gone -> die(gone);
    }
  }

  private void becomeReady(WorkerState.Ready ready) {
    settle();
    ready.channel().ready(ready.pid());
    LOG.say(Level.INFO, "Worker %s activated: pid %s, run %s", id, ready.pid(), facilities.run());
    listener.ready(this);
  }

  private void settle() {
    start.settle();
    Transport.Expected coming = expected;
    if (coming != null) {
      coming.dismiss(); // it may be about to dial
    }
  }

  private void drain() {
    listener.unavailable(this);
    leaveWhenDrained();
  }

  private void leaveWhenDrained() {
    if (state instanceof WorkerState.Draining draining && draining.channel().calls().isEmpty()) {
      apply(new WorkerEvent.Drained());
    }
  }

  private void leave(WorkerState.Stopping stopping) {
    settle();
    listener.unavailable(this);
    StopReason reason = stopping.reason();
    if (reason instanceof StopReason.PoolClosed) {
      calls().forEach(call -> call.fail(this::closedError));
    }
    boolean asked = reason instanceof StopReason.PoolClosed || reason instanceof StopReason.Retired;
    if (stopping.forced()) {
      if (!asked) {
        LOG.say(Level.WARN, "Worker %s is killed at once: %s (pid %s)", id, reason.detail(), pid());
      }
      facilities.wardens().kill(number, reason.detail());
      deathWatch.begin();
    } else if (asked) {
      askToLeave(stopping);
    } else {
      facilities.clock().after(DISCONNECT_GRACE, () -> kill(reason));
    }
  }

  private void askToLeave(WorkerState.Stopping stopping) {
    WorkerChannel channel = stopping.channel();
    if (channel != null) {
      channel.leave();
    }
    Duration grace = Durations.limited(config.grace());
    facilities.clock().after(grace, () -> terminate(stopping.reason()));
    facilities.clock().after(grace.multipliedBy(2), () -> forceOut(stopping.reason()));
  }

  private void terminate(StopReason reason) {
    if (!isGone()) {
      LOG.say(
          Level.WARN,
          "Worker %s has not ended within %s: SIGTERM",
          id,
          DurationFormat.of(config.grace()));
      listener.forced(this); // Python does as everybody does: it dies of it, and cleans up nothing
      facilities.wardens().signal(number, 15, reason.detail());
    }
  }

  private void forceOut(StopReason reason) {
    if (!isGone()) {
      LOG.say(
          Level.WARN,
          "Worker %s ignored SIGTERM for %s: SIGKILL",
          id,
          DurationFormat.of(config.grace()));
      kill(reason);
    }
  }

  private void awaitLastWords() {
    listener.unavailable(this);
    facilities.clock().after(LAST_WORDS_WAIT, () -> apply(new WorkerEvent.Silenced()));
  }

  private void die(WorkerState.Gone gone) {
    settle();
    Transport.Expected coming = expected;
    if (coming != null) {
      coming.revoke();
    }
    WorkerChannel channel = gone.channel();
    if (channel != null) {
      channel.close();
    }
    if (gone.pid() == 0) {
      facilities.registry().release(number); // there never was a process
    }
    WorkerEnd end = gone.end();
    if (end.reason() instanceof StopReason.Crashed crash) {
      LOG.say(
          Level.WARN,
          "Worker %s died without being asked: %s (pid %s)%s; what it left behind is killed",
          id,
          end.exit().describe(),
          gone.pid(),
          crash.detail().isEmpty() ? "" : ", " + crash.detail());
    }
    if (end.reason() instanceof StopReason.StartFailed failure) {
      sayNotStarted(gone, failure);
    }
    // Listener first: whoever is told that his worker died finds the pool already knowing it.
    try {
      listener.gone(this, end);
    } finally {
      lose(!(end.exit() instanceof Exit.Unknown), call -> lostError(call, end));
    }
  }

  /// Each time: whoever looks why a pool has fewer workers than it should finds nothing else.
  private void sayNotStarted(WorkerState.Gone gone, StopReason.StartFailed failure) {
    String stderr = gone.end().stderrTail();
    // Those of a zygote it says itself, once for all that wait for it.
    String stacks = gone.pid() == 0 || failure.stacks().isEmpty() ? "" : "\n" + failure.stacks();
    LOG.say(
        Level.WARN,
        "Worker %s of pool '%s' did not start: %s%s%s",
        id,
        config.name(),
        failure.detail(),
        stacks,
        stderr.isEmpty() ? "" : "\nthe end of its stderr:\n" + stderr);
    if (failure.reason() == Reason.WORKER_DIED) {
      facilities.wardens().diedEarly();
    }
  }

  private TerrariumException lostError(Exchange call, WorkerEnd end) {
    return end.reason() instanceof StopReason.PoolClosed
        ? closedError()
        : new WorkerDiedException(
            id, call.tool(), end.exit(), end.reason().detail(), end.stderrTail());
  }

  private PoolClosedException closedError() {
    return new PoolClosedException("Pool '%s' was closed during the call".formatted(config.name()));
  }

  /// For those who look after it.
  private final class Subject implements WorkerStart.Subject, DeathWatch.Subject {
    @Override
    public String id() {
      return id;
    }

    @Override
    public long pid() {
      return state.pid();
    }

    @Override
    public boolean isReserved() {
      return state instanceof WorkerState.Reserved || state instanceof WorkerState.Greeted;
    }

    @Override
    public boolean isStarting() {
      return state instanceof WorkerState.Starting;
    }

    @Override
    public void giveUp(StopReason.StartFailed why) {
      kill(why);
    }

    @Override
    public boolean isGone() {
      return state instanceof WorkerState.Gone;
    }

    @Override
    public void died(WorkerEvent.Exited how) {
      apply(how);
    }
  }

  // --- What comes over its channel ---

  private final class FromChannel implements ChannelListener {
    @Override
    public void opened(WorkerChannel channel) {
      apply(new WorkerEvent.Helloed(channel));
      if (isGone()) {
        channel.close(); // it came too late
      }
    }

    @Override
    public void failed(StopReason.StartFailed why) {
      kill(why);
    }

    @Override
    public void ended(Exchange call) {
      served.incrementAndGet();
      try {
        dropped(call);
      } catch (VirtualMachineError e) {
        LOG.warn(
            "Worker {}: nobody could be told that a call is over", id, e); // mending tells them
      }
      leaveWhenDrained();
    }

    @Override
    public void dropped(Exchange call) {
      listener.callEnded(Worker.this, call);
    }

    @Override
    public void unresponsive(StopReason.Unresponsive why) {
      if (isReady() || state instanceof WorkerState.Draining) {
        kill(why);
      }
    }

    @Override
    public void dump(Consumer<String> answer) {
      facilities.wardens().dump(number, answer);
    }

    @Override
    public void hungUp(StopReason why) {
      apply(new WorkerEvent.StopAsked(why));
    }

    @Override
    public void broke(StopReason.BrokeProtocol why) {
      kill(why);
    }

    @Override
    public void silent() {
      apply(new WorkerEvent.Silenced());
    }
  }

  // --- What the warden reports ---

  private final class Reports implements WorkerProcess {
    @Override
    public void spawned(long newPid, long startTicks) {
      zygote.forked();
      facilities.registry().activate(number, newPid, startTicks, newPid);
      apply(new WorkerEvent.Spawned(newPid));
      // Whoever ended it before there was a process had nobody to kill.
      if (state instanceof WorkerState.Stopping stopping && stopping.forced()) {
        facilities.wardens().kill(number, stopping.reason().detail());
      }
    }

    @Override
    public void spawnFailed(Reason reason, String why) {
      apply(new WorkerEvent.SpawnFailed(reason, why));
    }

    @Override
    public void notForked(String why) {
      zygote.notForked(why);
      apply(new WorkerEvent.NotForked(why));
    }

    @Override
    public void exited(Exit exit, String stderrTail, String limit) {
      if (state instanceof WorkerState.Gone gone) {
        lose(false, call -> lostError(call, gone.end())); // nearly always there is none left
        return;
      }
      apply(new WorkerEvent.Exited(exit, WorkerLog.readable(stderrTail), limit));
    }

    @Override
    public void cleared(int strays) {
      if (strays > 0) {
        String left = Count.of(strays, "process", "processes");
        LOG.say(Level.INFO, "Killed %s that worker %s left behind", left, id);
      }
      facilities.registry().release(number);
    }

    @Override
    public void output(Messages.Output output) {
      facilities.log().output(config.name(), id, output);
    }
  }
}
