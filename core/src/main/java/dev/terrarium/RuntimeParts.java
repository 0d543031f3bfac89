package dev.terrarium;

import dev.terrarium.StartFailedException.Reason;
import dev.terrarium.base.Clock;
import dev.terrarium.base.Log;
import dev.terrarium.base.SteadyThread;
import dev.terrarium.base.Watchdog;
import dev.terrarium.control.ControlServer;
import dev.terrarium.control.HostStatus;
import dev.terrarium.control.HostStatus.PoolStatus;
import dev.terrarium.event.Events;
import dev.terrarium.orphan.OrphanDetector;
import dev.terrarium.orphan.Orphans;
import dev.terrarium.orphan.ProcessAuditor;
import dev.terrarium.process.AuditLog;
import dev.terrarium.process.Birthmark;
import dev.terrarium.process.Cgroups;
import dev.terrarium.process.Flock;
import dev.terrarium.process.Machine;
import dev.terrarium.process.ProcessIdentity;
import dev.terrarium.process.ProcessKiller;
import dev.terrarium.process.RunId;
import dev.terrarium.process.Zombies;
import dev.terrarium.registry.ProcessRegistry;
import dev.terrarium.registry.RegistryException;
import dev.terrarium.registry.RunDirectory;
import dev.terrarium.registry.SocketsDirectory;
import dev.terrarium.registry.StateDirectory;
import dev.terrarium.warden.Gate;
import dev.terrarium.warden.Interpreter;
import dev.terrarium.warden.PythonHome;
import dev.terrarium.warden.Realms;
import dev.terrarium.warden.Wardens;
import dev.terrarium.wire.EventLoop;
import dev.terrarium.wire.Jackson;
import dev.terrarium.wire.MemoryFiles;
import dev.terrarium.wire.Sockets;
import dev.terrarium.worker.Bounds;
import dev.terrarium.worker.Facilities;
import dev.terrarium.worker.WorkerLog;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;

/// The parts of a runtime, started in order and ended in reverse.
final class RuntimeParts {
  private static final Log LOG = Log.of(RuntimeParts.class);

  /// How long a start waits for a logging backend that has not come up by then.
  static final Duration BACKEND_TIMEOUT = Duration.ofSeconds(5);

  private final Config config;
  private final RunId runId = RunId.generate();
  private final Deque<Runnable> undo = new ArrayDeque<>();
  private final StateDirectory state;
  private final Path socketsPath;
  private final Sockets sockets;
  private final RunDirectory directory;
  private final ProcessRegistry registry;
  private final PythonHome python;
  private final EventLoop loop;
  private final RuntimeClock clock;
  private final WorkerLog log;
  private final RuntimeFiles files;
  private final Gate gate = new Gate();
  private final Realms realms;
  private final ProcessKiller killer;
  private final Cgroups cgroups;
  private final Events events;
  private final Orphans orphans;
  private final ProcessAuditor auditor;
  private final MemoryFiles memory;
  private final Birthmark birthmark;
  private final long startNanos = System.nanoTime();
  private final Watchdog watchdog;
  private volatile Runnable moreToLookAt = () -> {};
  private volatile Runnable moreToMend = () -> {};
  private volatile Supplier<List<PoolStatus>> pools = List::of;
  private volatile boolean leftovers;

  /// Starts all parts; where one fails, those before it are ended again.
  ///
  /// @throws StartFailedException saying what was missing
  static RuntimeParts start(Config config) {
    Platform.check();
    Platform.checkJvm(Machine.allowsNativeCalls());
    Machine.check();
    try {
      return new RuntimeParts(config);
    } catch (RegistryException e) {
      throw new StartFailedException(Reason.DIRECTORY, String.valueOf(e.getMessage()), e);
    } catch (IOException e) {
      throw new StartFailedException(Reason.DIRECTORY, "The runtime cannot be started: " + e, e);
    }
  }

  private RuntimeParts(Config config) throws IOException {
    this.config = config;
    boolean complete = false;
    Optional<RunDirectory> made = Optional.empty();
    // What a fresh JVM waits for longest is begun first.
    Flock.prepareAside();
    Birthmark.Choice choice = Birthmark.choose();
    Interpreter.Inquiry asked = Interpreter.ask(config.python(), choice.chosen());
    try {
      Jackson.check(); // while the interpreter thinks
      undo.push(Log.keep()::close);
      birthmark = choice.chosen().orElseThrow(() -> noBirthmark(choice));
      socketsPath = SocketsDirectory.choose();
      Place place = place(choice);
      state = place.state();
      python = place.python();
      directory = place.directory();
      made = Optional.of(directory);
      undo.push(directory::close);
      undo.push(this::clearDirectory);
      killer = new ProcessKiller(AuditLog.ofRun(directory.path(), runId.value()));
      cgroups = new Cgroups(runId, killer);
      events = new Events(runId.value());
      undo.push(events::close);
      orphans = new Orphans(runId.value(), state, killer, config.cleanup(), events);
      undo.push(orphans::close);
      registry = ProcessRegistry.open(directory, config.ledger() == Ledger.REQUIRED);
      undo.push(registry::close);
      memory = MemoryFiles.open();
      undo.push(memory::close);
      clock = new RuntimeClock(runId.value());
      undo.push(clock::close);
      log = new WorkerLog(runId.value(), config.logQueueLines());
      undo.push(log::close);
      loop = EventLoop.start(runId.value());
      undo.push(loop::close);
      sockets = openSockets(loop, socketsPath, gate);
      undo.push(sockets::close);
      listenForQuestions(sockets, new ControlServer(runId.value(), this::status));
      files = new RuntimeFiles(runId.value(), sockets, directory, registry, python);
      realms =
          new Realms(
              new Wardens.Setup(
                  runId.value(),
                  birthmark,
                  asked.answer().executable(),
                  python.warden(),
                  sockets.frames(),
                  sockets.lifelines(),
                  directory.path(),
                  gate,
                  killer,
                  cgroups,
                  files));
      realms.start();
      orphans.awaitStartup();
      auditor =
          new ProcessAuditor(
              runId.value(),
              birthmark,
              registry,
              number -> realms.knows(number) || Interpreter.isAsked(number),
              killer,
              events,
              config.auditInterval(),
              this::look);
      undo.push(auditor::close);
      auditor.start();
      watchdog = new Watchdog(runId.value(), this::watched, this::mend);
      undo.push(watchdog::close);
      watchdog.start();
      Log.awaitBackend(BACKEND_TIMEOUT);
      complete = true;
    } finally {
      if (!complete) {
        // No worker was ever ordered, and a warden that does not come up is ended: no trace is
        // needed.
        asked.close();
        made.ifPresent(RunDirectory::allClear);
        undoAll();
      }
    }
    LOG.info("Run {} started: {}", runId.value(), directory.path());
  }

  private static Sockets openSockets(EventLoop loop, Path path, Gate gate) {
    try {
      return Sockets.open(loop, path, gate);
    } catch (IOException e) {
      throw SocketsDirectory.refused(path, e);
    }
  }

  private static void listenForQuestions(Sockets sockets, ControlServer server) {
    try {
      sockets.listenForQuestions(ControlServer.SOCKET, server);
    } catch (IOException e) {
      throw SocketsDirectory.refused(sockets.directory(), e);
    }
  }

  /// Where all that a runtime writes has its place.
  private record Place(StateDirectory state, PythonHome python, RunDirectory directory) {}

  private Place place(Birthmark.Choice choice) {
    try {
      return place(
          config.home().map(StateDirectory::at).orElseGet(StateDirectory::resolve), choice);
    } catch (RegistryException | StartFailedException e) {
      if (config.ledger() == Ledger.REQUIRED) {
        throw e;
      }
      StateDirectory temporary = StateDirectory.temporary();
      LOG.warn("{}; this runtime uses {} instead", e.getMessage(), temporary.path());
      return place(temporary, choice);
    }
  }

  private Place place(StateDirectory in, Birthmark.Choice choice) {
    PythonHome unpacked = PythonHome.unpack(in.path());
    return new Place(in, unpacked, RunDirectory.create(in, runId, choice, socketsPath));
  }

  private static StartFailedException noBirthmark(Birthmark.Choice choice) {
    String why = choice instanceof Birthmark.Choice.Unavailable(var reason) ? reason : "";
    return new StartFailedException(Reason.BIRTHMARK, why);
  }

  private void clearDirectory() {
    if (!leftovers) {
      directory.allClear();
    }
  }

  private void undoAll() {
    while (!undo.isEmpty()) {
      Runnable next = undo.pop();
      try {
        next.run();
      } catch (RuntimeException | Error e) { // the others are to be ended all the same
        LOG.warn("Run {}: a part of the runtime could not be ended", runId.value(), e);
      }
    }
  }

  Config config() {
    return config;
  }

  Path stateDirectory() {
    return state.path();
  }

  /// Where a runtime with [Config#defaults()] writes.
  static Path defaultState() {
    return StateDirectory.resolve().path();
  }

  RunId runId() {
    return runId;
  }

  Clock clock() {
    return clock;
  }

  /// What the workers of a pool need.
  ///
  /// @throws StartFailedException where the pool asks for what is not to be had
  Facilities facilities(PoolConfig pool) {
    boolean enclosed = pool.isolation().contains(Isolation.PID_NAMESPACE);
    return new Facilities(
        runId.value(),
        interpreter(pool.python()).executable().toString(),
        python.worker().toString(),
        sockets.frames().toString(),
        enclosed ? realms.enclosed(pool.name()) : realms.common(),
        gate,
        registry,
        clock,
        enclosed ? MemoryFiles.none() : memory, // this JVM's numbers mean nothing in there
        log,
        cgroups(pool));
  }

  private Interpreter interpreter(String command) {
    try (Interpreter.Inquiry asked = Interpreter.ask(command, Optional.of(birthmark))) {
      return asked.answer();
    }
  }

  private Optional<Path> cgroups(PoolConfig pool) {
    return pool.isolation().contains(Isolation.CGROUP)
        ? Optional.of(cgroups.require(Bounds.controllers(pool), this::recordCgroups))
        : Optional.empty();
  }

  private void recordCgroups(Path tree) {
    try {
      directory.recordCgroup(tree);
    } catch (RegistryException e) {
      throw new StartFailedException(Reason.DIRECTORY, String.valueOf(e.getMessage()), e);
    }
  }

  /// Readies what a pool has for itself alone.
  ///
  /// @throws StartFailedException where that is not to be had
  void enter(String pool, Wardens wardens) {
    log.begins(pool);
    realms.enter(wardens);
  }

  /// Ends what a pool had for itself alone.
  Wardens.Report leave(Wardens wardens) {
    Wardens.Report report = realms.leave(wardens);
    remember(report);
    return report;
  }

  WorkerLog log() {
    return log;
  }

  /// What the auditor does besides, each time.
  void alsoLook(Runnable look) {
    moreToLookAt = look;
  }

  /// What the watchdog looks after.
  private List<SteadyThread> watched() {
    var threads = new ArrayList<>(realms.keepers());
    threads.addAll(List.of(clock.thread(), loop.thread(), log.thread(), auditor.thread()));
    return threads;
  }

  /// What the watchdog does besides, each time; must not block.
  void alsoMend(Runnable mending) {
    moreToMend = mending;
  }

  private void mend() {
    events.ensure();
    Completions.shared().mend();
    moreToMend.run();
  }

  /// What those who ask are told of pools; called by any thread.
  void tellOfPools(Supplier<List<PoolStatus>> described) {
    pools = described;
  }

  /// Whose adapters are looked after where they are from the class path; called by any thread.
  void alsoLookAfter(Supplier<List<Path>> adapters) {
    files.alsoLookAfter(adapters);
  }

  private HostStatus status() {
    return new HostStatus(
        runId.value(),
        ProcessIdentity.self(),
        directory.manifest().startedAt(),
        Duration.ofNanos(System.nanoTime() - startNanos),
        pools.get(),
        registry.listAllWorkers());
  }

  private void look() {
    watchdog.ensure();
    files.look();
    int _ = Zombies.collect(birthmark, number -> !new Birthmark.Mark(0, number).isWarden());
    orphans.lookAgain();
    moreToLookAt.run();
  }

  /// How many processes bear the numbers of these workers.
  int processesOf(Set<Long> workers) {
    return Math.toIntExact(
        birthmark.bearers().filter(mark -> workers.contains(mark.worker())).count());
  }

  Events events() {
    return events;
  }

  ProcessRegistry registry() {
    return registry;
  }

  OrphanDetector orphanDetector() {
    return new OrphanDetector(state, killer, config.cleanup(), directory, registry::listAllWorkers);
  }

  /// Ends the wardens, and with them all processes. The directory will stay, for the next start to
  /// deal with, where some are left.
  Wardens.Report shutDown() {
    Wardens.Report report = endWardens();
    remember(report);
    boolean removed = cgroups.close("the runtime closes");
    if (!removed) {
      LOG.warn("Run {}: its cgroups could not be removed; a later start will do it", runId.value());
      leftovers = true;
    }
    return report;
  }

  private Wardens.Report endWardens() {
    try {
      return realms.shutDown();
    } catch (RuntimeException | Error e) {
      LOG.warn("Run {}: its wardens could not be ended as they should", runId.value(), e);
      return Wardens.Report.UNCERTAIN;
    }
  }

  private void remember(Wardens.Report report) {
    if (!report.left().isEmpty() || !report.certain()) {
      leftovers = true;
    }
  }

  /// Ends all other parts.
  void close() {
    undoAll();
  }
}
