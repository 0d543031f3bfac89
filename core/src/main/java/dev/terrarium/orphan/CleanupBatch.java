package dev.terrarium.orphan;

import dev.terrarium.CleanupPolicy;
import dev.terrarium.CleanupPolicy.OnOrphan;
import dev.terrarium.OrphanProcess;
import dev.terrarium.base.Count;
import dev.terrarium.base.Log;
import dev.terrarium.orphan.CleanupReport.Ended;
import dev.terrarium.orphan.CleanupReport.Finding;
import dev.terrarium.orphan.CleanupReport.InUse;
import dev.terrarium.orphan.CleanupReport.Incomplete;
import dev.terrarium.orphan.CleanupReport.Removed;
import dev.terrarium.orphan.CleanupReport.Untouched;
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

  /// A run whose lock is ours, with its ledger read.
  private record Dead(DeadRun lock, Run run, Birthmark mark) {}

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

  private boolean spared(SweepPolicy.Bearer bearer) {
    Run run = Objects.requireNonNull(marked.get(new Birthmark(bearer.mark().run()))).run();
    return spared(run.describe(bearer.identity(), bearer.mark(), bearer.command()));
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
    var ended = new ArrayList<Ended>();
    report.found().forEach(found -> ended.add(ended(dead.run(), found)));
    Optional<DeadTree> tree = RunDirectory.cgroups(dead.lock().path(), dead.run().identity());
    Optional<String> objection = Optional.empty();
    boolean complete = report.complete();
    if (tree.isPresent() && mayBeForced(report, ended)) {
      objection = end(tree.get(), dead.run(), ended);
      complete |= objection.isEmpty() && isClear(dead, ended);
    }
    long left = ended.stream().filter(it -> !it.dead()).count();
    if (complete && left == 0 && objection.isEmpty()) {
      String counts = Count.of(ended.size(), "process was ended", "processes were ended");
      remove(dead.lock(), counts, ended);
    } else {
      String found = Count.of(ended.size(), "process was found", "processes were found");
      String counts = "%s, left: %d".formatted(found, left);
      String detail = objection.map(why -> counts + "; " + why).orElse(counts);
      findings.add(new Incomplete(dead.lock().path(), detail, ended));
    }
  }

  /// Whether nothing is left, or only what ran away from the sweep until the time was up.
  private boolean mayBeForced(SweepReport report, List<Ended> ended) {
    boolean left = ended.stream().anyMatch(it -> !it.dead());
    boolean graceIsOver = report.took().compareTo(policy.grace()) >= 0;
    boolean spared = ended.stream().anyMatch(Ended::spared);
    return report.complete() ? !left : graceIsOver && !spared;
  }

  /// Whether what ran away from the sweep is gone with the run's cgroups.
  private boolean isClear(Dead dead, List<Ended> ended) {
    SweepReport again = killer.sweep(Set.of(dead.mark()), why, sweepPolicy(), LAST_LOOK);
    again.found().stream()
        .map(it -> ended(dead.run(), it))
        .filter(it -> !isAmong(it.process(), ended))
        .forEach(ended::add);
    ended.replaceAll(CleanupBatch::asItIsNow);
    return again.clear();
  }

  private static Ended asItIsNow(Ended was) {
    OrphanProcess process = was.process();
    var identity =
        new ProcessIdentity(ProcessIdentity.currentBoot(), process.pid(), process.startTicks());
    return was.dead() || identity.alive()
        ? was
        : new Ended(process, was.recorded(), was.forced(), was.spared(), "");
  }

  /// The last word: all that is in the run's cgroups, provided that each of it bears the run's
  /// mark.
  ///
  /// @param ended is added to
  /// @return why they are not gone
  Optional<String> end(DeadTree tree, Run run, List<Ended> ended) {
    DeadTree.Members members = tree.members();
    if (!members.proved()) {
      return Optional.of(notProved(tree, members));
    }
    List<Ended> inside = members.seen().stream().map(it -> ended(run, it, tree)).toList();
    if (inside.stream().anyMatch(it -> spared(it.process()))) {
      return Optional.of("what is in %s is spared by the cleanup policy".formatted(tree.path()));
    }
    if (!inside.isEmpty()) {
      var killed = tree.kill(killer, why);
      LOG.debug("{}: killed with it: {}", tree.path(), killed.size());
      ended.removeIf(it -> isAmong(it.process(), inside));
      members.seen().stream().map(it -> ended(run, it, tree)).forEach(ended::add);
    }
    return tree.remove()
        ? Optional.empty()
        : Optional.of("its cgroups are not empty: " + tree.path());
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

  private static boolean isAmong(OrphanProcess process, List<Ended> others) {
    return others.stream()
        .map(Ended::process)
        .anyMatch(it -> it.pid() == process.pid() && it.startTicks() == process.startTicks());
  }

  private static Ended ended(Run run, DeadTree.Member member, DeadTree tree) {
    Birthmark.Mark mark = member.mark().orElseThrow();
    String left = member.identity().alive() ? "was killed with its cgroup and is not dead yet" : "";
    return new Ended(
        run.describe(member.identity(), mark, tree.path()),
        run.recorded(mark),
        /* forced= */ true,
        /* spared= */ false,
        left);
  }

  private static Ended ended(Run run, SweepReport.Found found) {
    return new Ended(
        run.describe(found.identity(), found.mark(), found.command()),
        run.recorded(found.mark()),
        found.forced(),
        found.spared(),
        found.left());
  }

  private void remove(DeadRun run, String detail, List<Ended> found) {
    try {
      run.remove();
      findings.add(new Removed(run.path(), detail, found));
    } catch (IOException e) {
      String problem = detail + ", but it cannot be removed: " + e.getMessage();
      findings.add(new Incomplete(run.path(), problem, found));
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
