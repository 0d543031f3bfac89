package dev.terrarium.orphan;

import dev.terrarium.CleanupPolicy;
import dev.terrarium.OrphanEnding;
import dev.terrarium.OrphanProcess;
import dev.terrarium.OrphanProcess.Kind;
import dev.terrarium.process.Birthmark;
import dev.terrarium.process.ProcessIdentity;
import dev.terrarium.process.ProcessKiller;
import dev.terrarium.registry.RegistryException;
import dev.terrarium.registry.RunDirectory;
import dev.terrarium.registry.StateDirectory;
import dev.terrarium.registry.WorkerRow;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;

/// Finds processes of dead runtimes on this machine, and ends them when asked to.
///
/// It goes by lock, ledger and birthmark, never by the look of a process: what only looks like ours
/// is told apart, and never touched. Looking takes no lock away from anybody.
///
/// Each method works on the caller's thread and returns when it is done; nothing is kept from one
/// call to the next. A look at all processes takes milliseconds, more where there are thousands.
/// Safe for use by many threads.
public final class OrphanDetector {
  private static final String WHY = "orphan detector: the runtime is dead";

  private final StateDirectory state;
  private final ProcessKiller killer;
  private final CleanupPolicy policy;
  private final Supplier<Optional<Run>> own;
  private final Map<Path, List<WorkerRow>> told;

  /// For a program that has no runtime.
  ///
  /// @param killer whose audit log takes the signals
  /// @param policy what is done about orphans
  public OrphanDetector(StateDirectory state, ProcessKiller killer, CleanupPolicy policy) {
    this(state, killer, policy, Optional::empty, Map.of());
  }

  /// For a runtime.
  ///
  /// @param rows its ledger as it is in memory
  public OrphanDetector(
      StateDirectory state,
      ProcessKiller killer,
      CleanupPolicy policy,
      RunDirectory directory,
      Supplier<List<WorkerRow>> rows) {
    this(
        state,
        killer,
        policy,
        () -> Optional.of(new Run(directory.path(), directory.manifest(), rows.get())),
        Map.of());
  }

  private OrphanDetector(
      StateDirectory state,
      ProcessKiller killer,
      CleanupPolicy policy,
      Supplier<Optional<Run>> own,
      Map<Path, List<WorkerRow>> told) {
    this.state = state;
    this.killer = killer;
    this.policy = policy;
    this.own = own;
    this.told = Map.copyOf(told);
  }

  /// The same, for one who has asked running hosts what is in their ledgers.
  ///
  /// @param rows by the directories of the runs; those of others are read from their files
  public OrphanDetector told(Map<Path, List<WorkerRow>> rows) {
    return new OrphanDetector(state, killer, policy, own, rows);
  }

  /// What came of a clean-up.
  ///
  /// @param found orphans that were there
  /// @param terminated those of them that are proved dead
  /// @param errors those that are not, and were not spared
  /// @param preservedActive workers at work, which were not touched
  /// @param details each orphan and what became of it
  public record Cleanup(
      int found, int terminated, int errors, int preservedActive, List<OrphanEnding> details) {
    public Cleanup {
      details = List.copyOf(details);
    }
  }

  /// A process that looks like ours, and cannot be proved to be an orphan: it bears the mark of a
  /// run that is not known here and whose host is not to be seen, or of another user's, or only a
  /// run id on its command line.
  ///
  /// @param mark what it bears
  /// @param why for people: what it looks like, and what is missing
  public record Suspect(
      ProcessIdentity identity, Optional<Birthmark> mark, List<String> command, String why) {
    public Suspect {
      command = List.copyOf(command);
    }
  }

  /// Processes of dead runtimes. Touches nothing: a dry run of the clean-up.
  ///
  /// @throws RegistryException if the state directory is there and cannot be read
  /// @throws UncheckedIOException if the system's list of processes cannot be read
  public List<OrphanProcess> findOrphanedProcesses() {
    return survey().orphans().stream().map(Survey.Orphan::process).toList();
  }

  /// Processes that only look like ours. Nothing here ever touches them. For users of this package
  /// who want nothing but these; [#overview()] has them, too, and those of other installations
  /// besides, which are not among them.
  ///
  /// @throws RegistryException if the state directory is there and cannot be read
  /// @throws UncheckedIOException if the system's list of processes cannot be read
  public List<Suspect> findSuspects() {
    return survey().suspects();
  }

  /// The runs that have a directory here. Looks at no process but their hosts.
  ///
  /// @throws RegistryException if the state directory is there and cannot be read
  public List<KnownRun> runs() {
    return RunInspector.inspectAll(state, own.get(), told).stream()
        .map(InspectedRun::known)
        .toList();
  }

  /// Ends the processes of dead runtimes as the policy says, and removes those runtimes'
  /// directories.
  ///
  /// Returns at once where no runtime is dead. Else it blocks until all that was found is dead: a
  /// few milliseconds, and the policy's grace for each 64 dead runtimes where somebody ignores the
  /// first signal; 5 s beyond that for processes that do not die of SIGKILL, 30 s in all, and as
  /// long as the policy's functions take. An interrupt cuts the grace short and stays set.
  ///
  /// @throws RegistryException if the state directory is there and cannot be read
  /// @throws UncheckedIOException if the system's list of processes cannot be read
  public Cleanup cleanupOrphanedProcesses() {
    CleanupReport report =
        new StartupCleanup(state, killer, policy, WHY, StartupCleanup.TOTAL_TIMEOUT).run();
    new CleanupLog().say(report);
    List<OrphanEnding> details = report.found();
    int terminated = (int) report.killed();
    int spared = (int) details.stream().filter(OrphanEnding::isSpared).count();
    return new Cleanup(
        details.size(),
        terminated,
        details.size() - terminated - spared,
        registry(survey()).aliveWorkers(),
        details);
  }

  /// What is ours on this machine, alive and orphaned.
  ///
  /// @throws RegistryException if the state directory is there and cannot be read
  /// @throws UncheckedIOException if the system's list of processes cannot be read
  public SystemStatus systemStatus() {
    return status(survey());
  }

  /// All that one look shows.
  ///
  /// @throws RegistryException if the state directory is there and cannot be read
  /// @throws UncheckedIOException if the system's list of processes cannot be read
  public Overview overview() {
    Survey survey = survey();
    return new Overview(
        status(survey),
        survey.runs(),
        survey.active().stream().map(Survey.Active::known).toList(),
        survey.suspects(),
        survey.others());
  }

  private static SystemStatus status(Survey survey) {
    List<OrphanProcess> orphans = survey.orphans().stream().map(Survey.Orphan::process).toList();
    long atWork = survey.active().stream().filter(it -> isWorkers(it.kind())).count();
    long orphaned = orphans.stream().filter(it -> isWorkers(it.kind())).count();
    int total = Math.toIntExact(atWork + orphaned);
    return new SystemStatus(
        registry(survey),
        orphans.size(),
        total,
        SystemStatus.Health.of(orphans.size(), total),
        orphans);
  }

  /// Whether all of this can be relied upon here, tried out on a process of its own: takes some ten
  /// milliseconds.
  ///
  /// @throws RegistryException if the state directory is there and cannot be read
  /// @throws UncheckedIOException if the system's list of processes cannot be read
  public DetectionCheck.Validation validateDetection() {
    Survey survey = survey();
    return DetectionCheck.of(survey, killer, registry(survey).aliveWorkers());
  }

  private static boolean isWorkers(Kind kind) {
    return kind == Kind.WORKER || kind == Kind.CHILD;
  }

  private static SystemStatus.Registry registry(Survey survey) {
    List<WorkerRow> rows = survey.rows().stream().filter(row -> !row.isZygote()).toList();
    List<Long> alive =
        rows.stream()
            .flatMap(row -> row.identity().stream())
            .filter(ProcessIdentity::alive)
            .map(ProcessIdentity::pid)
            .sorted()
            .toList();
    return new SystemStatus.Registry(rows.size(), alive.size(), rows.size() - alive.size(), alive);
  }

  private Survey survey() {
    return Survey.of(state, own.get(), told);
  }
}
