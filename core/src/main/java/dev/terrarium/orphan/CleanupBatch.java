package dev.terrarium.orphan;

import dev.terrarium.CleanupPolicy;
import dev.terrarium.CleanupPolicy.OnOrphan;
import dev.terrarium.Ending;
import dev.terrarium.OrphanEnding;
import dev.terrarium.OrphanProcess;
import dev.terrarium.base.Count;
import dev.terrarium.base.Log;
import dev.terrarium.orphan.CleanupReport.Finding;
import dev.terrarium.orphan.CleanupReport.InUse;
import dev.terrarium.orphan.CleanupReport.Incomplete;
import dev.terrarium.orphan.CleanupReport.Removed;
import dev.terrarium.orphan.CleanupReport.Untouched;
import dev.terrarium.process.Bearer;
import dev.terrarium.process.Birthmark;
import dev.terrarium.process.DeadTree;
import dev.terrarium.process.ProcessIdentity;
import dev.terrarium.process.ProcessKiller;
import dev.terrarium.process.Signal;
import dev.terrarium.process.SweepPolicy;
import dev.terrarium.process.SweepReport;
import dev.terrarium.registry.DeadRun;
import dev.terrarium.registry.RunDirectory;
import dev.terrarium.registry.StateDirectory;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// The dead among some run directories, with their locks held: swept in one pass over `/proc`,
/// however many there are.
final class CleanupBatch implements AutoCloseable {
  private static final Log LOG = Log.of(CleanupBatch.class);

  /// For the look whether what a sweep could not get hold of is gone with its cgroups.
  private static final Duration LAST_LOOK = Duration.ofSeconds(1);

  private final StateDirectory state;
  private final ProcessKiller killer;
  private final CleanupPolicy policy;
  private final String why;
  private final Duration timeout;
  private final List<Finding> findings = new ArrayList<>();
  private final List<DeadRun> held = new ArrayList<>();
  private final Map<Birthmark, Dead> marked = new LinkedHashMap<>();
  private @Nullable RunInspector inspector;

  /// A dead run whose lock is ours.
  private static final class Dead {
    private final DeadRun lock;
    private final Run run;
    private final Birthmark mark;
    private final Map<ProcessIdentity, OrphanProcess> described = new HashMap<>();
    private boolean spared; // whether the policy keeps any of its processes

    Dead(DeadRun lock, Run run, Birthmark mark) {
      this.lock = lock;
      this.run = run;
      this.mark = mark;
    }

    /// One for all that is said of a process: to the policy, and in the report.
    OrphanProcess describe(Bearer bearer) {
      return described.computeIfAbsent(bearer.identity(), _ -> run.describe(bearer));
    }

    OrphanEnding ending(SweepReport.Found found) {
      return new OrphanEnding(describe(found.bearer()), found.ending());
    }
  }

  CleanupBatch(
      StateDirectory state,
      ProcessKiller killer,
      CleanupPolicy policy,
      String why,
      Duration timeout) {
    this.state = state;
    this.killer = killer;
    this.policy = policy;
    this.why = why;
    this.timeout = timeout;
  }

  /// Takes the lock if it is free, and finds out what is to be done.
  void take(Path directory) {
    try {
      Optional<RunState.Unreadable> objection = RunInspector.notOwn(directory);
      if (objection.isPresent()) {
        findings.add(new Untouched(directory, objection.get()));
      } else if (RunDirectory.isTemporary(directory)) {
        takeTemporary(directory);
      } else {
        takeComplete(directory);
      }
    } catch (NoSuchFileException e) {
      takeWithoutLock(directory);
    } catch (IOException | RuntimeException e) { // one that is odd must not save the others
      findings.add(new Untouched(directory, RunInspector.unreadable(e)));
    }
  }

  private void takeTemporary(Path directory) throws IOException {
    findings.add(
        RunDirectory.removeStaleTemporary(directory)
            ? new Removed(directory, "was never completed", List.of())
            : new InUse(directory, "is being made"));
  }

  private void takeComplete(Path directory) throws IOException {
    Optional<DeadRun> free = RunDirectory.tryLockDead(directory);
    if (free.isEmpty()) {
      findings.add(new InUse(directory, "its lock is held"));
      return;
    }
    DeadRun lock = free.get();
    held.add(lock);
    InspectedRun inspected = inspector().inspect(lock);
    switch (inspected.state()) {
      case RunState.Dead(var mark, _) ->
          marked.put(mark, new Dead(lock, inspected.run().orElseThrow(), mark));
      case RunState.OfAnotherBoot(var why) -> remove(lock, why, List.of());
      case RunState.HalfRemoved(var why) -> remove(lock, why, List.of());
      case RunState.Live _, RunState.Foreign _, RunState.Unreadable _ ->
          findings.add(new Untouched(directory, inspected.state()));
    }
  }

  /// Only where a lock is free: most starts find no dead run, and read nothing.
  private RunInspector inspector() throws IOException {
    RunInspector known = inspector;
    if (known == null) {
      known = new RunInspector(Evidence.of(state));
      inspector = known;
    }
    return known;
  }

  List<Finding> clean() {
    if (!marked.isEmpty()) {
      SweepReport report = killer.sweep(marked.keySet(), why, sweepPolicy(), timeout);
      marked.forEach((mark, dead) -> conclude(dead, report.of(mark)));
    }
    return findings;
  }

  private SweepPolicy sweepPolicy() {
    return new SweepPolicy(
        Signal.valueOf(policy.firstSignal().name()),
        policy.grace(),
        SweepPolicy.Order.valueOf(policy.order().name()),
        this::spared);
  }

  private boolean spared(Bearer bearer) {
    Dead dead = Objects.requireNonNull(marked.get(new Birthmark(bearer.mark().run())));
    boolean spared = spared(dead.describe(bearer));
    dead.spared |= spared;
    return spared;
  }

  private boolean spared(OrphanProcess orphan) {
    try {
      return policy.veto().test(orphan)
          || (policy.onOrphan() == OnOrphan.ASK && !policy.answer().test(orphan));
    } catch (RuntimeException | Error e) {
      LOG.warn("The cleanup policy failed at {}, which is spared", orphan, e);
      return true;
    }
  }

  private void conclude(Dead dead, SweepReport report) {
    var endings = new ArrayList<OrphanEnding>();
    report.found().forEach(found -> endings.add(dead.ending(found)));
    Optional<DeadTree> tree = RunDirectory.cgroups(dead.lock.path(), dead.run.identity());
    Optional<String> objection = Optional.empty();
    boolean complete = report.complete();
    if (tree.isPresent() && mayBeForced(dead, report)) {
      objection = end(tree.get(), dead.run, endings);
      complete |= objection.isEmpty() && isClear(dead, endings);
    }
    long left = endings.stream().filter(it -> !it.isDead()).count();
    if (complete && left == 0 && objection.isEmpty()) {
      String counts = Count.of(endings.size(), "process was ended", "processes were ended");
      remove(dead.lock, counts, endings);
    } else {
      String found = Count.of(endings.size(), "process was found", "processes were found");
      String counts = "%s, left: %d".formatted(found, left);
      String all = objection.map(it -> counts + "; " + it).orElse(counts);
      findings.add(new Incomplete(dead.lock.path(), all, endings));
    }
  }

  /// Whether nothing is left, or only what ran away from the sweep until the time was up.
  private boolean mayBeForced(Dead dead, SweepReport report) {
    boolean graceIsOver = report.took().compareTo(policy.grace()) >= 0;
    return report.complete() ? report.left().isEmpty() : graceIsOver && !dead.spared;
  }

  /// Whether what ran away from the sweep is gone with the run's cgroups.
  private boolean isClear(Dead dead, List<OrphanEnding> endings) {
    SweepReport again = killer.sweep(Set.of(dead.mark), why, sweepPolicy(), LAST_LOOK);
    again.found().stream()
        .map(dead::ending)
        .filter(it -> !isAmong(it.process(), endings))
        .forEach(endings::add);
    endings.replaceAll(CleanupBatch::asItIsNow);
    return again.clear();
  }

  /// What the sweep could not end, and what is gone by now, was killed with its cgroup; nothing was
  /// sent to what was spared.
  private static OrphanEnding asItIsNow(OrphanEnding was) {
    OrphanProcess process = was.process();
    var identity =
        new ProcessIdentity(ProcessIdentity.currentBoot(), process.pid(), process.startTicks());
    return was.isDead() || identity.alive()
        ? was
        : new OrphanEnding(process, new Ending.Dead(!was.isSpared()));
  }

  /// The last word: all that is in the run's cgroups, provided that each of it bears the run's
  /// mark.
  ///
  /// @param endings is added to
  /// @return why they are not gone
  Optional<String> end(DeadTree tree, Run run, List<OrphanEnding> endings) {
    DeadTree.Members members = tree.members();
    if (!members.proved()) {
      return Optional.of(notProved(tree, members));
    }
    Map<ProcessIdentity, OrphanProcess> inside = new LinkedHashMap<>();
    members.seen().forEach(it -> inside.put(it.identity(), describe(it, run, tree)));
    if (inside.values().stream().anyMatch(this::spared)) {
      return Optional.of("what is in %s is spared by the cleanup policy".formatted(tree.path()));
    }
    if (!inside.isEmpty()) {
      var killed = tree.kill(killer, why);
      LOG.debug("{}: killed with it: {}", tree.path(), killed.size());
      endings.removeIf(
          it -> inside.values().stream().anyMatch(other -> isSame(it.process(), other)));
      inside.forEach((identity, process) -> endings.add(killed(identity, process)));
    }
    return tree.remove()
        ? Optional.empty()
        : Optional.of("its cgroups are not empty: " + tree.path());
  }

  private static OrphanProcess describe(DeadTree.Member member, Run run, DeadTree tree) {
    return run.describe(Bearer.of(member.identity(), member.mark().orElseThrow()), tree.path());
  }

  private static OrphanEnding killed(ProcessIdentity identity, OrphanProcess process) {
    return identity.alive()
        ? new OrphanEnding(
            process, new Ending.Survived("was killed with its cgroup and is not dead yet"))
        : new OrphanEnding(process, new Ending.Dead(/* forced= */ true));
  }

  private static String notProved(DeadTree tree, DeadTree.Members members) {
    return """
    its cgroups are not empty: %s holds %s without its birthmark (pids %s), and %d of \
    another PID namespace; look at them, end them by hand, then start again\
    """
        .formatted(
            tree.path(),
            Count.of(members.unproved().size(), "process", "processes"),
            members.unproved().stream().map(ProcessIdentity::pid).toList(),
            members.unseen());
  }

  private static boolean isAmong(OrphanProcess process, List<OrphanEnding> others) {
    return others.stream().anyMatch(it -> isSame(it.process(), process));
  }

  private static boolean isSame(OrphanProcess one, OrphanProcess other) {
    return one.pid() == other.pid() && one.startTicks() == other.startTicks();
  }

  private void remove(DeadRun run, String why, List<OrphanEnding> endings) {
    try {
      run.remove();
      findings.add(new Removed(run.path(), why, endings));
    } catch (IOException e) {
      String problem = why + ", but it cannot be removed: " + e.getMessage();
      findings.add(new Incomplete(run.path(), problem, endings));
    }
  }

  private void takeWithoutLock(Path directory) {
    RunState state = RunInspector.withoutLock(directory);
    try {
      if (state.isOver()) {
        RunDirectory.removeEmpty(directory);
        findings.add(new Removed(directory, state.why(), List.of()));
      } else {
        findings.add(new Untouched(directory, state));
      }
    } catch (IOException e) { // somebody has put something there
      findings.add(new Untouched(directory, RunInspector.unreadable(e)));
    }
  }

  @Override
  public void close() {
    held.forEach(DeadRun::close);
  }
}
