package dev.terrarium.orphan;

import dev.terrarium.CleanupPolicy;
import dev.terrarium.CleanupPolicy.OnOrphan;
import dev.terrarium.Ending;
import dev.terrarium.OrphanEnding;
import dev.terrarium.base.Log;
import dev.terrarium.orphan.CleanupReport.Finding;
import dev.terrarium.orphan.CleanupReport.Incomplete;
import dev.terrarium.orphan.CleanupReport.Postponed;
import dev.terrarium.process.ProcessKiller;
import dev.terrarium.registry.RegistryException;
import dev.terrarium.registry.StateDirectory;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/// Cleans up after runtimes that died together with their wardens, at the start of the next one.
///
/// Whether a run is dead says [RunInspector]. Whoever takes the lock does the work; hosts that
/// start at the same moment so share it, and a runtime that lives is never touched. Of a dead run
/// everything that bears its birthmark is ended, by pidfd and with proof, all at the same time:
/// workers whose rows were activated, those that were only reserved, and what stands in no row.
/// Then its directory goes.
public final class StartupCleanup {
  /// For killing what a batch of dead runs left, after the policy's grace; only processes in the
  /// kernel (state D) take long.
  public static final Duration SWEEP_TIMEOUT = Duration.ofSeconds(5);

  /// For everything; what is not looked at by then is left to the next start.
  public static final Duration TOTAL_TIMEOUT = Duration.ofSeconds(30);

  /// Runs that are swept in one pass. Each holds a descriptor meanwhile.
  static final int BATCH_RUNS_MAX = 64;

  private static final Log LOG = Log.of(StartupCleanup.class);

  private final StateDirectory state;
  private final ProcessKiller killer;
  private final CleanupPolicy policy;
  private final String why;
  private final Duration totalTimeout;

  /// @param killer whose audit log takes the signals
  public StartupCleanup(StateDirectory state, ProcessKiller killer, CleanupPolicy policy) {
    this(state, killer, policy, "startup cleanup: the runtime is dead", TOTAL_TIMEOUT);
  }

  StartupCleanup(
      StateDirectory state,
      ProcessKiller killer,
      CleanupPolicy policy,
      String why,
      Duration totalTimeout) {
    this.state = state;
    this.killer = killer;
    this.policy = policy;
    this.why = why;
    this.totalTimeout = totalTimeout;
  }

  /// Looks at every run directory and cleans up what is dead; blocks until that is done, or until
  /// [#TOTAL_TIMEOUT]. What is found in a run's directory, however damaged, is part of the report
  /// and never thrown.
  ///
  /// @throws RegistryException with [OnOrphan#REPORT], if the state directory is there and cannot
  ///   be listed; else that is logged
  /// @throws UncheckedIOException if the system's list of processes cannot be read
  public CleanupReport run() {
    long start = System.nanoTime();
    if (policy.onOrphan() == OnOrphan.REPORT) {
      return reported(start);
    }
    var findings = new ArrayList<Finding>();
    for (List<Path> batch : batches()) {
      Duration left = totalTimeout.minusNanos(System.nanoTime() - start);
      findings.addAll(left.isPositive() ? clean(batch, left) : postponed(batch));
    }
    return new CleanupReport(findings, Duration.ofNanos(System.nanoTime() - start));
  }

  /// Touches nothing, a dead run's directory included.
  private CleanupReport reported(long start) {
    Map<Path, List<OrphanEnding>> byRun =
        Survey.of(state, Optional.empty(), Map.of()).orphans().stream()
            .collect(
                Collectors.groupingBy(
                    Survey.Orphan::directory,
                    Collectors.mapping(
                        it -> new OrphanEnding(it.process(), new Ending.Spared()),
                        Collectors.toList())));
    List<Finding> findings =
        byRun.entrySet().stream()
            .<Finding>map(it -> new Incomplete(it.getKey(), "is only reported", it.getValue()))
            .toList();
    return new CleanupReport(findings, Duration.ofNanos(System.nanoTime() - start));
  }

  private List<Finding> clean(List<Path> directories, Duration left) {
    Duration longest = policy.grace().plus(SWEEP_TIMEOUT);
    Duration timeout = left.compareTo(longest) < 0 ? left : longest;
    try (var batch = new CleanupBatch(state, killer, policy, why, timeout)) {
      directories.forEach(batch::take);
      return batch.clean();
    }
  }

  private static List<Finding> postponed(List<Path> directories) {
    return directories.stream().<Finding>map(Postponed::new).toList();
  }

  private List<List<Path>> batches() {
    List<Path> directories = directories();
    var batches = new ArrayList<List<Path>>();
    for (int from = 0; from < directories.size(); from += BATCH_RUNS_MAX) {
      int to = Math.min(from + BATCH_RUNS_MAX, directories.size());
      batches.add(directories.subList(from, to));
    }
    return batches;
  }

  private List<Path> directories() {
    try {
      return RunInspector.directories(state);
    } catch (IOException e) {
      LOG.warn("{} cannot be listed; nothing was cleaned up", state.runs(), e);
      return List.of();
    }
  }
}
