package dev.terrarium.orphan;

import dev.terrarium.CleanupPolicy;
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

  RunDirectory newRun(Birthmark.Choice mark) {
    Path sockets = home.resolve("terrarium-x");
    return RunDirectory.create(state, RunId.generate(), mark, sockets);
  }

  static long ticks(Child child) {
    return ProcessIdentity.of(child.pid()).orElseThrow().startTicks();
  }
}
