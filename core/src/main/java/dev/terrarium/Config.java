package dev.terrarium;

import static java.util.Objects.requireNonNull;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/// What a runtime is started with. Immutable; `Config.defaults().withHome(path)` makes a changed
/// copy.
///
/// @param home where run directories and ledgers live; empty: `TERRARIUM_HOME`, else
///   `$XDG_STATE_HOME/terrarium`, else `~/.local/state/terrarium`
/// @param python the interpreter of the warden, a command or a path; default `python3`, or
///   `TERRARIUM_PYTHON`
/// @param closeTimeout the longest that closing the runtime may take before what is left is killed
///   at once; default 6 s: the shutdown hook has 8 s in all ([ExitHook#timeout()])
/// @param logQueueLines lines of workers' output that may wait for the logging backend before they
///   are dropped and counted; default 10,000
/// @param ledger what becomes of a worker that cannot be written down; default [Ledger#REQUIRED]
/// @param cleanup what is done about processes of dead runtimes; default [CleanupPolicy#defaults()]
/// @param auditInterval how often the runtime looks for drift between its ledger, its warden and
///   the machine, and for processes of runtimes that died meanwhile; default 30 s
/// @param exitHook what becomes of the runtime when the JVM ends; default [ExitHook#atOnce()]
public record Config(
    Optional<Path> home,
    String python,
    Duration closeTimeout,
    int logQueueLines,
    Ledger ledger,
    CleanupPolicy cleanup,
    Duration auditInterval,
    ExitHook exitHook) {
  /// How many lines may wait for a slow logging backend.
  public static final int LOG_QUEUE_LINES = 10_000;

  private static final Duration AUDIT_INTERVAL_MAX = Duration.ofDays(365); // as good as never

  public Config {
    requireNonNull(home, "home");
    requireNonNull(python, "python");
    requireNonNull(closeTimeout, "closeTimeout");
    requireNonNull(ledger, "ledger");
    requireNonNull(cleanup, "cleanup");
    requireNonNull(auditInterval, "auditInterval");
    requireNonNull(exitHook, "exitHook");
    Problems problems = new Problems("runtime");
    problems.checkPositive("closeTimeout", closeTimeout);
    problems.checkPositive("auditInterval", auditInterval);
    problems.check(
        auditInterval.compareTo(AUDIT_INTERVAL_MAX) <= 0,
        "auditInterval must be at most %s: %s".formatted(AUDIT_INTERVAL_MAX, auditInterval));
    problems.check(logQueueLines > 0, "logQueueLines must be positive: " + logQueueLines);
    problems.check(!python.isBlank(), "python is empty");
    problems.throwIfAny();
  }

  public static Config defaults() {
    return new Config(
        Optional.empty(),
        defaultPython(),
        Duration.ofSeconds(6),
        LOG_QUEUE_LINES,
        Ledger.REQUIRED,
        CleanupPolicy.defaults(),
        Duration.ofSeconds(30),
        ExitHook.atOnce());
  }

  public Config withHome(Path home) {
    return new Config(
        Optional.of(requireNonNull(home, "home")),
        python,
        closeTimeout,
        logQueueLines,
        ledger,
        cleanup,
        auditInterval,
        exitHook);
  }

  public Config withPython(String python) {
    return new Config(
        home, python, closeTimeout, logQueueLines, ledger, cleanup, auditInterval, exitHook);
  }

  public Config withCloseTimeout(Duration closeTimeout) {
    return new Config(
        home, python, closeTimeout, logQueueLines, ledger, cleanup, auditInterval, exitHook);
  }

  public Config withLogQueueLines(int logQueueLines) {
    return new Config(
        home, python, closeTimeout, logQueueLines, ledger, cleanup, auditInterval, exitHook);
  }

  public Config withLedger(Ledger ledger) {
    return new Config(
        home, python, closeTimeout, logQueueLines, ledger, cleanup, auditInterval, exitHook);
  }

  public Config withCleanup(CleanupPolicy cleanup) {
    return new Config(
        home, python, closeTimeout, logQueueLines, ledger, cleanup, auditInterval, exitHook);
  }

  public Config withAuditInterval(Duration auditInterval) {
    return new Config(
        home, python, closeTimeout, logQueueLines, ledger, cleanup, auditInterval, exitHook);
  }

  public Config withExitHook(ExitHook exitHook) {
    return new Config(
        home, python, closeTimeout, logQueueLines, ledger, cleanup, auditInterval, exitHook);
  }

  static String defaultPython() {
    String chosen = System.getenv("TERRARIUM_PYTHON");
    return chosen == null || chosen.isBlank() ? "python3" : chosen;
  }
}
