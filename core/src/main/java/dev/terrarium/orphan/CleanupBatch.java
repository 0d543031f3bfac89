package dev.terrarium.orphan;

import dev.terrarium.CleanupPolicy;
import dev.terrarium.CleanupPolicy.OnOrphan;
import dev.terrarium.OrphanProcess;
import dev.terrarium.orphan.CleanupReport.Ended;
import dev.terrarium.orphan.CleanupReport.Fate;
import dev.terrarium.orphan.CleanupReport.Finding;
import dev.terrarium.process.Birthmark;
import dev.terrarium.process.Cgroups;
import dev.terrarium.process.Manner;
import dev.terrarium.process.ProcessKiller;
import dev.terrarium.process.Signal;
import dev.terrarium.process.SweepReport;
import dev.terrarium.registry.DeadRun;
import dev.terrarium.registry.Origin;
import dev.terrarium.registry.RegistryException;
import dev.terrarium.registry.RunDetails;
import dev.terrarium.registry.RunDirectory;
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
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The dead among some run directories, with their locks held: swept in one pass over `/proc`,
/// however many there are.
final class CleanupBatch implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(CleanupBatch.class);

  private final ProcessKiller killer;
  private final CleanupPolicy policy;
  private final String why;
  private final Duration timeout;
  private final List<Finding> findings = new ArrayList<>();
  private final List<DeadRun> held = new ArrayList<>();
  private final Map<Birthmark, Dead> marked = new LinkedHashMap<>();

  /// A run whose lock is ours, with its ledger read.
  private record Dead(DeadRun lock, Run run) {}

  CleanupBatch(ProcessKiller killer, CleanupPolicy policy, String why, Duration timeout) {
    this.killer = killer;
    this.policy = policy;
    this.why = why;
    this.timeout = timeout;
  }

  /// Takes the lock if it is free and decides what is to be done.
  void take(Path directory) {
    try {
      if (RunDirectory.isTemporary(directory)) {
        takeTemporary(directory);
      } else {
        takeComplete(directory);
      }
    } catch (NoSuchFileException e) {
      removeEmpty(directory);
    } catch (IOException | RegistryException e) {
      report(directory, Fate.UNREADABLE, String.valueOf(e.getMessage()));
    }
  }

  private void takeTemporary(Path directory) throws IOException {
    if (RunDirectory.removeStaleTemporary(directory)) {
      report(directory, Fate.CLEANED, "was never completed");
    } else {
      report(directory, Fate.ALIVE, "is being made");
    }
  }

  private void takeComplete(Path directory) throws IOException {
    Optional<DeadRun> dead = RunDirectory.tryLockDead(directory);
    if (dead.isEmpty()) {
      report(directory, Fate.ALIVE, "its lock is held");
      return;
    }
    held.add(dead.get());
    if (dead.get().halfRemoved()) {
      remove(dead.get(), "a removal was cut short", List.of());
    } else {
      sort(dead.get(), dead.get().details());
    }
  }

  /// The order of the questions matters: of another boot nothing can be alive, whoever it belonged
  /// to.
  private void sort(DeadRun dead, RunDetails details) {
    Origin origin = details.origin();
    if (!origin.sameBoot()) {
      remove(dead, "the machine was started anew since", List.of());
    } else if (!origin.sameUser() || !origin.samePidNamespace()) {
      report(dead.path(), Fate.FOREIGN, Survey.whose(origin));
    } else if (origin.birthmark().isEmpty()) {
      report(dead.path(), Fate.UNREADABLE, "has no birthmark, so that nothing can be proved");
    } else {
      sort(new Dead(dead, Run.read(dead.path(), details)), origin.birthmark().get());
    }
  }

  private void sort(Dead dead, Birthmark mark) {
    if (dead.run().hasWardenUnderItsHost()) {
      report(dead.lock().path(), Fate.ALIVE, "its lock is free, but its host lives");
    } else {
      marked.put(mark, dead);
    }
  }

  List<Finding> clean() {
    if (!marked.isEmpty()) {
      SweepReport report = killer.sweep(marked.keySet(), why, manner(), timeout);
      marked.forEach((mark, dead) -> conclude(dead, report.of(mark)));
    }
    return findings;
  }

  private Manner manner() {
    return new Manner(
        Signal.valueOf(policy.firstSignal().name()),
        policy.grace(),
        Manner.Order.valueOf(policy.order().name()),
        this::spared);
  }

  private boolean spared(Manner.Bearer bearer) {
    Run run = Objects.requireNonNull(marked.get(new Birthmark(bearer.mark().run()))).run();
    return spared(run.portrait(bearer.identity(), bearer.mark(), bearer.command()));
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
    List<Ended> ended = report.found().stream().map(found -> ended(dead.run(), found)).toList();
    long left = ended.stream().filter(it -> !it.dead()).count();
    if (report.complete() && left == 0) {
      removeWithCgroups(dead, "%d processes were ended".formatted(ended.size()), ended);
    } else {
      String detail = "%d processes were found, %d are left".formatted(ended.size(), left);
      findings.add(new Finding(dead.lock().path(), Fate.LEFT, detail, ended));
    }
  }

  /// The last word: what bears no mark any more, and is where only that run's processes are.
  private void removeWithCgroups(Dead dead, String detail, List<Ended> ended) {
    Optional<Path> tree = dead.lock().cgroup();
    if (tree.isEmpty() || endCgroups(dead.run(), tree.get())) {
      remove(dead.lock(), detail, ended);
    } else {
      String problem = detail + ", but its cgroups are not empty: " + tree.get();
      findings.add(new Finding(dead.lock().path(), Fate.LEFT, problem, ended));
    }
  }

  private boolean endCgroups(Run run, Path tree) {
    return Cgroups.members(tree).stream().noneMatch(it -> spared(run.portrait(it, tree)))
        && Cgroups.end(tree, killer, why);
  }

  private static Ended ended(Run run, SweepReport.Found found) {
    return new Ended(
        run.portrait(found.identity(), found.mark(), found.command()),
        run.recorded(found.mark()),
        found.forced(),
        found.spared(),
        found.left());
  }

  private void remove(DeadRun run, String detail, List<Ended> found) {
    try {
      run.remove();
      findings.add(new Finding(run.path(), Fate.CLEANED, detail, found));
    } catch (IOException e) {
      String problem = detail + ", but it cannot be removed: " + e.getMessage();
      findings.add(new Finding(run.path(), Fate.LEFT, problem, found));
    }
  }

  /// Without a lock it is what a removal left that was cut short at the very end, or gone by now.
  private void removeEmpty(Path directory) {
    try {
      RunDirectory.removeEmpty(directory);
      report(directory, Fate.CLEANED, "was removed already");
    } catch (IOException e) {
      report(directory, Fate.UNREADABLE, "has no lock, and is not empty");
    }
  }

  private void report(Path directory, Fate fate, String detail) {
    findings.add(new Finding(directory, fate, detail, List.of()));
  }

  @Override
  public void close() {
    held.forEach(DeadRun::close);
  }
}
