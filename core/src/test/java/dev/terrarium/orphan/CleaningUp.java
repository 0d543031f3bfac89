package dev.terrarium.orphan;

import dev.terrarium.CleanupPolicy;
import dev.terrarium.orphan.CleanupReport.Finding;
import dev.terrarium.orphan.CleanupReport.Untouched;
import dev.terrarium.process.AuditLog;
import dev.terrarium.process.Birthmark;
import dev.terrarium.process.ProcessIdentity;
import dev.terrarium.process.ProcessKiller;
import dev.terrarium.process.RunId;
import dev.terrarium.registry.RunDirectory;
import dev.terrarium.registry.StateDirectory;
import dev.terrarium.testkit.Child;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/// A state directory, and what cleans it up: for tests of the clean-up.
@SuppressWarnings("NullAway.Init") // set before each test
abstract class CleaningUp {
  @TempDir Path home;
  StateDirectory state;
  final List<AuditLog.Entry> audit = new CopyOnWriteArrayList<>();
  private final ProcessKiller killer = new ProcessKiller(audit::add);

  @BeforeEach
  void setUp() {
    state = StateDirectory.at(home.resolve("state"));
  }

  CleanupReport clean() {
    return clean(CleanupPolicy.defaults());
  }

  CleanupReport clean(CleanupPolicy policy) {
    return cleanup(policy, StartupCleanup.TOTAL_TIMEOUT).run();
  }

  StartupCleanup cleanup(CleanupPolicy policy, Duration totalTimeout) {
    return new StartupCleanup(state, killer, policy, "test", totalTimeout);
  }

  /// What became of each directory: of one that was not touched, the state that it is in.
  static List<Class<?>> fates(CleanupReport report) {
    return report.findings().stream().<Class<?>>map(CleaningUp::fate).toList();
  }

  static Class<?> fateOf(CleanupReport report, Path directory) {
    return report.findings().stream()
        .filter(it -> it.directory().equals(directory))
        .map(CleaningUp::fate)
        .findFirst()
        .orElseThrow();
  }

  private static Class<?> fate(Finding finding) {
    return finding instanceof Untouched(_, var state) ? state.getClass() : finding.getClass();
  }

  /// What it is to those who only look.
  List<Class<?>> states() {
    var detector = new OrphanDetector(state, killer, CleanupPolicy.defaults());
    return detector.runs().stream().<Class<?>>map(run -> run.state().getClass()).toList();
  }

  RunDirectory newRun(Birthmark.Choice mark) {
    Path sockets = home.resolve("terrarium-x");
    return RunDirectory.create(state, RunId.generate(), mark, sockets);
  }

  static long ticks(Child child) {
    return ProcessIdentity.of(child.pid()).orElseThrow().startTicks();
  }
}
