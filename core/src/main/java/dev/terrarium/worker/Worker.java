package dev.terrarium.worker;

import com.google.errorprone.annotations.FormatMethod;
import com.google.errorprone.annotations.FormatString;
import dev.terrarium.Exit;
import dev.terrarium.PoolClosedException;
import dev.terrarium.PoolConfig;
import dev.terrarium.PoolStats;
import dev.terrarium.StartFailedException.Reason;
import dev.terrarium.TerrariumException;
import dev.terrarium.ToolInfo;
import dev.terrarium.WorkerDiedException;
import dev.terrarium.base.Clock;
import dev.terrarium.base.Count;
import dev.terrarium.base.DurationFormat;
import dev.terrarium.base.Durations;
import dev.terrarium.base.Each;
import dev.terrarium.base.Log;
import dev.terrarium.call.Exchange;
import dev.terrarium.call.PooledWorker;
import dev.terrarium.call.StopReason;
import dev.terrarium.call.WorkerEnd;
import dev.terrarium.call.WorkerListener;
import dev.terrarium.process.MemoryFile;
import dev.terrarium.process.ProcFs;
import dev.terrarium.process.ProcStat;
import dev.terrarium.process.ProcessName;
import dev.terrarium.registry.RegistryException;
import dev.terrarium.warden.Doubt;
import dev.terrarium.warden.WorkerProcess;
import dev.terrarium.wire.Connection;
import dev.terrarium.wire.Messages;
import dev.terrarium.wire.Messages.CancelReason;
import dev.terrarium.wire.OutgoingFrame;
import dev.terrarium.wire.ProtocolException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.event.Level;

/// One worker: its process, its connection, the calls it has. All changes of state go through
/// [#apply], the one door; what a change entails happens after the lock is left.
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

  /// How long the warden may take to report the death of a worker that it was told to kill. Then it
  /// is asked, and has [Doubt#ANSWER_TIMEOUT].
  static final Duration WARDEN_SILENCE = Duration.ofSeconds(3);

  /// How long the start of a worker may take from its making to the order of its process.
  static final Duration START_CUT_SHORT = Duration.ofSeconds(5);

  private static final Log LOG = Log.of(Worker.class);

  private final ProcessName name;
  private final String id;
  private final long number;
  private final PoolConfig config;
  private final Facilities facilities;
  private final Zygote zygote;
  private final WorkerListener listener;
  private final Reports reports = new Reports();
  private final WorkerWire wire;
  private final ReentrantLock lock = new ReentrantLock();
  private final CallsInFlight calls;
  private volatile WorkerState state = new WorkerState.Reserved(false);
  private volatile long pid;
  private volatile boolean takesMemory;
  private final AtomicLong served = new AtomicLong();
  private volatile @Nullable Connection connection;
  private volatile @Nullable StopReason hungUp;
  private volatile List<ToolInfo> tools = List.of();
  private volatile boolean supportsPipelining;
  private volatile boolean heardOut;
  private volatile long heardAt; // of the nanosecond clock
  private final ReentrantLock sending = new ReentrantLock();

  /// Guarded by `sending`.
  private long sent;

  private volatile WorkerEvent.@Nullable Exited death;
  private volatile boolean excused; // the warden, and that was said

  /// The state that was entered, and of which not all has happened that it entails: there was no
  /// memory for it.
  private volatile @Nullable WorkerState halfEntered;

  private final long madeAt;
  private final AtomicBoolean begun = new AtomicBoolean();
  private volatile boolean cutShort; // its start was, and there was no memory to say so
  private @Nullable String token;
  private Clock.@Nullable Alarm startAlarm;
  private volatile Clock.@Nullable Alarm forkAlarm;

  public Worker(
      ProcessName name,
      long number,
      PoolConfig config,
      Facilities facilities,
      Zygote zygote,
      WorkerListener listener) {
    this.name = name;
    this.id = name.toString();
    this.number = number;
    this.config = config;
    this.facilities = facilities;
    this.madeAt = facilities.clock().nanos();
    this.zygote = zygote;
    this.listener = listener;
    this.calls = new CallsInFlight(id, config, new Reach());
    this.wire = new WorkerWire(this, config.name(), calls);
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
    return pid;
  }

  @Override
  public PoolStats.WorkerInfo info() {
    Optional<ProcStat> stat = ProcFs.stat(pid);
    return new PoolStats.WorkerInfo(
        id,
        pid,
        stat.map(ProcStat::cpu).orElse(Duration.ZERO),
        stat.map(ProcStat::residentBytes).orElse(0L));
  }

  @Override
  public List<ToolInfo> tools() {
    return tools;
  }

  @Override
  public long callsInFlight() {
    return calls.all().stream().filter(call -> !call.isDone()).count();
  }

  @Override
  public boolean takesMemory() {
    return takesMemory;
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
      apply(
          new WorkerEvent.SpawnFailed(
              Reason.SPAWN, "its pool was closed before")); // nobody asked for a process yet
      return;
    }
    try {
      facilities.registry().reserve(name, number);
      String secret = facilities.gate().admit(wire::greeted);
      token = secret;
      spawn(zygote.order(name, secret));
    } catch (RegistryException e) {
      apply(new WorkerEvent.SpawnFailed(Reason.SPAWN, String.valueOf(e.getMessage())));
    } catch (VirtualMachineError e) {
      cutShort = true;
      startCutShort("there was no memory, or no thread, for it: " + e.getMessage());
    } catch (RuntimeException | Error e) { // the pool tries again, later and later
      apply(new WorkerEvent.SpawnFailed(Reason.SPAWN, e.toString()));
    }
  }

  // Its process has not been ordered, or not at all.
  private void startCutShort(String why) {
    apply(new WorkerEvent.SpawnFailed(Reason.SPAWN, why));
  }

  private void spawn(Messages.Spawn order) {
    startAlarm =
        facilities.clock().after(config.startTimeout(), () -> startTookTooLong(order.zygote()));
    if (order.zygote() != null) {
      awaitFork(order.zygote(), facilities.clock().nanos());
    }
    facilities.wardens().spawn(number, order, reports);
  }

  private void awaitFork(long zygoteNumber, long orderedAt) {
    forkAlarm =
        facilities
            .clock()
            .after(
                zygote.patience().dividedBy(4),
                () -> {
                  if (state instanceof WorkerState.Reserved) {
                    zygote.waitedFor(zygoteNumber, orderedAt);
                    awaitFork(zygoteNumber, orderedAt);
                  }
                });
  }

  // What it was doing is asked first, for a moment: what is killed says nothing any more. One that
  // waits for its fork has no stacks; those of its zygote say why it waits.
  private void startTookTooLong(@Nullable Long zygoteNumber) {
    if (!isStarting()) {
      return;
    }
    if (state instanceof WorkerState.Reserved && zygoteNumber != null) {
      zygote.stacks(zygoteNumber, stacks -> giveUpStart(stacks, "its zygote"));
      zygote.stuck(zygoteNumber);
    } else {
      facilities.wardens().dump(number, text -> giveUpStart(Stacks.of(text, pid), "Python"));
    }
    // Should the warden have no answer.
    facilities
        .clock()
        .after(
            Stacks.WAIT,
            () -> giveUpStart(new Stacks("", "the warden has not answered"), "Python"));
  }

  private boolean isStarting() {
    WorkerState now = state;
    return now instanceof WorkerState.Reserved || now instanceof WorkerState.Starting;
  }

  private void giveUpStart(Stacks stacks, String who) {
    if (isStarting()) {
      String limit = DurationFormat.of(config.startTimeout());
      kill(
          new StopReason.StartFailed(
              Reason.TIMED_OUT,
              "not ready within %s; import less, or raise startTimeout; %s"
                  .formatted(limit, stacks.introduction(who)),
              stacks.text()));
    }
  }

  // --- Calls ---

  @Override
  public boolean submit(List<? extends Exchange> several) {
    Connection open = connection;
    if (open == null || !register(several)) {
      return false;
    }
    List<Exchange> wanted = new ArrayList<>(several.size());
    for (Exchange call : several) {
      if (!call.isDone()) {
        wanted.add(call);
      } else if (calls.remove(call.id()) != null) {
        call.endLoan();
        over(call); // its caller gave up before he could see this worker
      }
    }
    // Where the connection is closed the worker is about to be gone, and its end answers the calls.
    try {
      send(open, wanted);
    } catch (VirtualMachineError e) { // nothing has been sent
      wanted.forEach(call -> calls.remove(call.id()));
      throw e;
    }
    for (Exchange call : wanted) {
      CancelReason overtaken = call.sent();
      if (overtaken != null) {
        open.send(Messages.frame(call.id(), new Messages.Cancel(overtaken)));
      }
    }
    return true;
  }

  private boolean register(List<? extends Exchange> several) {
    lock.lock();
    try {
      if (!(state instanceof WorkerState.Ready)) {
        return false;
      }
      if (calls.isEmpty()) {
        heard(); // what it did before it had anything to do says nothing
      }
      try {
        for (Exchange call : several) {
          calls.add(call); // first: whoever learns of this worker from the call finds it
          call.givenTo(this);
        }
      } catch (VirtualMachineError e) {
        several.forEach(call -> calls.remove(call.id()));
        throw e;
      }
      return true;
    } finally {
      lock.unlock();
    }
  }

  private void send(Connection open, List<Exchange> several) {
    List<OutgoingFrame> frames = new ArrayList<>(several.size());
    for (Exchange call : several) {
      frames.add(CallFrames.of(call, supportsPipelining, takesMemory));
    }
    sending.lock(); // so that the numbers tell the order of arrival
    try {
      for (Exchange call : several) {
        call.ordered(++sent);
      }
      open.send(frames);
    } finally {
      sending.unlock();
    }
  }

  @Override
  public boolean supportsPipelining() {
    return supportsPipelining;
  }

  @Override
  public void withdraw(List<? extends Exchange> several) {
    Connection open = connection;
    if (open != null) {
      open.send(several.stream().map(Worker::withdrawal).toList());
    }
  }

  private static OutgoingFrame withdrawal(Exchange call) {
    return Messages.frame(call.id(), new Messages.Cancel(CancelReason.WITHDRAWN));
  }

  @Override
  public void deadlinePassed(Exchange call, Duration deadline) {
    calls.deadlinePassed(call, deadline);
  }

  @Override
  public void interrupt(Exchange call, CancelReason reason) {
    calls.interrupt(call, reason);
  }

  /// Something came from it.
  void heard() {
    heardAt = facilities.clock().nanos();
  }

  @Override
  public void endIfStuck(BiConsumer<PooledWorker, String> told) {
    Duration limit = config.stuckAfter();
    long last = heardAt;
    boolean stuck =
        !limit.isZero()
            && isReady()
            && !calls.isEmpty()
            && facilities.clock().nanos() - last > Durations.nanos(limit);
    if (stuck) {
      facilities.wardens().dump(number, stacks -> endStuck(last, stacks, told));
    }
  }

  // A JVM that stood still itself has words of its worker to read: by now it has.
  private void endStuck(long last, String stacks, BiConsumer<PooledWorker, String> told) {
    if (heardAt == last && isReady()) {
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

  /// One of its calls is over; null where it is not known any more.
  @Nullable Exchange endCall(long callId) {
    Exchange call = calls.remove(callId);
    if (call != null) {
      call.endLoan();
      served.incrementAndGet();
      try {
        over(call);
      } catch (VirtualMachineError e) {
        LOG.warn(
            "Worker {}: nobody could be told that a call is over", id, e); // mending tells them
      }
    }
    return call;
  }

  private void over(Exchange call) {
    listener.callEnded(this, call);
  }

  /// It dialled and said which tools it has.
  void connected(Connection dialled, List<ToolInfo> offered, List<String> capabilities) {
    connection = dialled;
    tools = offered;
    supportsPipelining = capabilities.contains("rows");
    takesMemory = capabilities.contains("memfd") && facilities.memory().available();
    apply(new WorkerEvent.Helloed());
  }

  /// The files of a result may be written again.
  void memoryTaken(long callId) {
    Connection open = connection;
    if (open != null) {
      open.send(Messages.frame(callId, new Messages.Taken()));
    }
  }

  /// It closed its connection.
  void hungUp(StopReason end) {
    hungUp = end;
    apply(new WorkerEvent.StopAsked(end));
  }

  /// It has no more to say: a death that is known already counts now.
  ///
  /// @param all whether everything that it said has been read
  void silent(boolean all) {
    heardOut = all;
    WorkerEvent.Exited known = death;
    if (known != null) {
      apply(known);
    }
  }

  // --- The one door ---

  /// Asks the worker to end: cancel what runs, `@on_stop`, exit; after the grace SIGTERM, after
  /// another SIGKILL. Where its pool closes, its callers are told at once, whatever state it is in:
  /// the end of one that was ending already may never be reported.
  @Override
  public void stop(StopReason why) {
    apply(new WorkerEvent.StopAsked(why));
    if (why instanceof StopReason.PoolClosed) {
      Each.of(calls.all(), call -> call.fail(this::closedError));
    }
  }

  @Override
  public void abandon() {
    lose(Set.of(), _ -> closedError());
  }

  void kill(StopReason end) {
    apply(new WorkerEvent.KillAsked(end));
  }

  void apply(WorkerEvent event) {
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
      enter(after);
    }
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
      if (half.equals(state)) {
        enter(half);
      }
    }
    if (isForgotten()) {
      startCutShort("its start was cut short");
    } else if (isReady()) {
      mendConnection();
    }
  }

  private boolean isForgotten() {
    return cutShort
        || (facilities.clock().nanos() - madeAt > START_CUT_SHORT.toNanos()
            && begun.compareAndSet(false, true));
  }

  private void mendConnection() {
    Connection open = connection;
    if (open != null && !open.takesFrames()) {
      hungUp(new StopReason.Disconnected("its connection broke"));
    }
  }

  private void entered(WorkerState after) {
    switch (after) {
      case WorkerState.Reserved _, WorkerState.Starting _ -> {}
      case WorkerState.Ready(long readyPid) -> becomeReady(readyPid);
      case WorkerState.Stopping(StopReason end, boolean force) -> leave(end, force);
      case WorkerState.Gone gone -> die(gone);
    }
  }

  private void becomeReady(long readyPid) {
    settle();
    offerMemory(readyPid);
    say(Level.INFO, "Worker %s activated: pid %s, run %s", id, readyPid, facilities.run());
    listener.ready(this);
  }

  // Access to /proc/PID/fd is asked for in each direction by whoever needs it.
  private void offerMemory(long readyPid) {
    Connection open = connection;
    if (open != null && takesMemory && MemoryFile.canOpen(readyPid)) {
      open.send(Messages.frame(0, new Messages.Memfd(facilities.memory().from())));
    }
  }

  private void settle() {
    if (startAlarm != null) {
      startAlarm.cancel();
    }
    Clock.Alarm fork = forkAlarm;
    if (fork != null) {
      fork.cancel();
    }
    if (token != null) {
      facilities.gate().dismiss(token); // it may be about to dial
    }
  }

  private void leave(StopReason end, boolean force) {
    settle();
    listener.unavailable(this);
    if (end instanceof StopReason.PoolClosed) {
      calls.all().forEach(call -> call.fail(this::closedError));
    }
    if (force) {
      if (!isAsked(end)) {
        say(Level.WARN, "Worker %s is killed at once: %s (pid %s)", id, end.detail(), pid);
      }
      facilities.wardens().kill(number, end.detail());
      facilities.clock().after(WARDEN_SILENCE, this::doubtWarden);
    } else if (isAsked(end)) {
      askToLeave(end);
    } else {
      facilities.clock().after(DISCONNECT_GRACE, () -> kill(end));
    }
  }

  private static boolean isAsked(StopReason end) {
    return end instanceof StopReason.PoolClosed || end instanceof StopReason.Retired;
  }

  private void doubtWarden() {
    if (!(state instanceof WorkerState.Gone)) {
      Doubt doubt = facilities.wardens().doubt(number);
      facilities.clock().after(Doubt.ANSWER_TIMEOUT, () -> conclude(doubt));
    }
  }

  private void conclude(Doubt doubt) {
    if (state instanceof WorkerState.Gone) {
      return;
    }
    facilities.clock().after(WARDEN_SILENCE, this::doubtWarden);
    Doubt.Finding finding = doubt.conclude();
    if (finding instanceof Doubt.Finding.Replaced(String why)) {
      say(
          Level.ERROR,
          "Worker %s was killed, and the warden has not reported its death: the warden is"
              + " replaced (%s)",
          id,
          why);
    } else if (finding instanceof Doubt.Finding.Dead(String why)) {
      say(Level.WARN, "Worker %s, pid %s, is %s; another takes its place", id, pid, why);
      apply(new WorkerEvent.Exited(new Exit.Unknown(why), "", ""));
    } else if (finding instanceof Doubt.Finding.Excused(String why)) {
      say(excused ? Level.DEBUG : Level.WARN, "Worker %s, pid %s, does not end: %s", id, pid, why);
      excused = true;
    }
  }

  private void askToLeave(StopReason end) {
    Connection open = connection;
    if (open != null) {
      calls.all().forEach(call -> open.send(closing(call)));
      open.send(Messages.frame(0, new Messages.Drain()));
    }
    Duration grace = Durations.limited(config.grace());
    facilities.clock().after(grace, () -> terminate(end));
    facilities.clock().after(grace.multipliedBy(2), () -> forceOut(end));
  }

  private static OutgoingFrame closing(Exchange call) {
    return Messages.frame(call.id(), new Messages.Cancel(CancelReason.CLOSING));
  }

  private void terminate(StopReason end) {
    if (!(state instanceof WorkerState.Gone)) {
      say(
          Level.WARN,
          "Worker %s has not ended within %s: SIGTERM",
          id,
          DurationFormat.of(config.grace()));
      listener.forced(this); // Python does as everybody does: it dies of it, and cleans up nothing
      facilities.wardens().signal(number, 15, end.detail());
    }
  }

  private void forceOut(StopReason end) {
    if (!(state instanceof WorkerState.Gone)) {
      say(
          Level.WARN,
          "Worker %s ignored SIGTERM for %s: SIGKILL",
          id,
          DurationFormat.of(config.grace()));
      kill(end);
    }
  }

  private void die(WorkerState.Gone gone) {
    settle();
    if (token != null) {
      facilities.gate().revoke(token);
    }
    Connection open = connection;
    if (open != null) {
      open.close();
    }
    if (pid == 0) {
      facilities.registry().release(number); // there never was a process
    }
    WorkerEnd end = gone.end();
    if (end.reason() instanceof StopReason.Crashed) {
      say(
          Level.WARN,
          "Worker %s died without being asked: %s (pid %s)%s; what it left behind is" + " killed",
          id,
          end.exit().describe(),
          pid,
          end.reason().detail().isEmpty() ? "" : ", " + end.reason().detail());
    }
    if (end.reason() instanceof StopReason.StartFailed failure) {
      sayNotStarted(failure, end.stderrTail());
    }
    // Listener first: whoever is told that his worker died finds the pool already knowing it.
    try {
      listener.gone(this, end);
    } finally {
      boolean certain = supportsPipelining && heardOut && !(end.exit() instanceof Exit.Unknown);
      Set<Exchange> notBegun =
          certain ? CallsInFlight.notBegun(calls.inOrder(), this::isPlain) : Set.of();
      lose(notBegun, call -> lostError(call, end));
    }
  }

  /// Each time: whoever looks why a pool has fewer workers than it should finds nothing else.
  private void sayNotStarted(StopReason.StartFailed failure, String stderr) {
    // Those of a zygote it says itself, once for all that wait for it.
    String stacks = pid == 0 || failure.stacks().isEmpty() ? "" : "\n" + failure.stacks();
    say(
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

  // Each is known here until it has its outcome: where that fails, for want of memory perhaps, the
  // next report of this worker's end, or its pool's, finds it.
  private void lose(Set<Exchange> notBegun, Function<Exchange, TerrariumException> why) {
    Each.of(calls.inOrder(), call -> lose(call, notBegun.contains(call), why));
  }

  private void lose(Exchange call, boolean notBegun, Function<Exchange, TerrariumException> why) {
    call.lost(!(notBegun && call.isSentAhead()), () -> why.apply(call));
    calls.remove(call.id());
  }

  private boolean isPlain(Exchange call) {
    return tools.stream()
        .anyMatch(tool -> tool.name().equals(call.tool()) && tool.kind() == ToolInfo.Kind.PLAIN);
  }

  private TerrariumException lostError(Exchange call, WorkerEnd end) {
    return end.reason() instanceof StopReason.PoolClosed
        ? closedError()
        : new WorkerDiedException(
            id, call.tool(), end.exit(), end.reason().detail(), end.stderrTail());
  }

  // Not on this thread: it is the loop's or the timer's.
  @FormatMethod
  private void say(Level level, @FormatString String format, Object... facts) {
    LOG.say(level, format, facts);
  }

  private PoolClosedException closedError() {
    return new PoolClosedException("Pool '%s' was closed during the call".formatted(config.name()));
  }

  WorkerLog log() {
    return facilities.log();
  }

  /// Something that belongs to no call.
  void tell(Messages.Outgoing message) {
    Connection open = connection;
    if (open != null) {
      open.send(Messages.frame(0, message));
    }
  }

  private final class Reach implements CallsInFlight.Reach {
    @Override
    public void send(long call, Messages.Outgoing message) {
      Connection open = connection;
      if (open != null) {
        open.send(Messages.frame(call, message));
      }
    }

    @Override
    public void dump(Consumer<String> answer) {
      facilities.wardens().dump(number, answer);
    }

    @Override
    public void after(Duration delay, Runnable task) {
      facilities.clock().after(delay, task);
    }

    @Override
    public void killUnresponsive(String why) {
      if (isReady()) {
        kill(new StopReason.Unresponsive(why));
      }
    }
  }

  // --- What the warden reports ---

  private final class Reports implements WorkerProcess {
    @Override
    public void spawned(long newPid, long startTicks) {
      pid = newPid;
      zygote.forked();
      facilities.registry().activate(number, newPid, startTicks, newPid);
      apply(new WorkerEvent.Spawned(newPid));
      StopReason early = hungUp; // quicker than the warden's word
      if (early != null) {
        apply(new WorkerEvent.StopAsked(early));
      }
      // Whoever ended it before there was a process had nobody to kill.
      if (state instanceof WorkerState.Stopping(StopReason end, boolean force) && force) {
        facilities.wardens().kill(number, end.detail());
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
      if (state instanceof WorkerState.Gone(WorkerEnd end)) {
        lose(Set.of(), call -> lostError(call, end)); // nearly always there is none left
        return;
      }
      var event = new WorkerEvent.Exited(exit, WorkerLog.readable(stderrTail), limit);
      if (mayHaveLastWords(exit)) {
        death = event;
        listener.unavailable(Worker.this);
        facilities.clock().after(LAST_WORDS_WAIT, () -> apply(event));
      } else {
        apply(event);
      }
    }

    // A result, half a frame, or the HELLO that says why it exits instead of getting ready.
    private boolean mayHaveLastWords(Exit exit) {
      if (state instanceof WorkerState.Ready) {
        return !(exit instanceof Exit.Unknown);
      }
      return state instanceof WorkerState.Starting && exit instanceof Exit.Status;
    }

    @Override
    public void cleared(int strays) {
      if (strays > 0) {
        String left = Count.of(strays, "process", "processes");
        say(Level.INFO, "Killed %s that worker %s left behind", left, id);
      }
      facilities.registry().release(number);
    }

    @Override
    public void output(Messages.Output output) {
      facilities.log().output(config.name(), id, output);
    }
  }
}
