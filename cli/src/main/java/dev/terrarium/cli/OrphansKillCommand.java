package dev.terrarium.cli;

import dev.terrarium.CleanupPolicy;
import dev.terrarium.orphan.OrphanDetector;
import dev.terrarium.orphan.OrphanDetector.Cleanup;
import dev.terrarium.orphan.OrphanDetector.Suspect;
import dev.terrarium.orphan.Overview;
import dev.terrarium.process.AuditLog;
import dev.terrarium.process.ProcessKiller;
import dev.terrarium.registry.StateDirectory;
import java.math.BigDecimal;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// Ends what dead runs have left. What is not proved to be that is shown, and ended only for a
/// typed yes.
@Command(
    name = "kill",
    description = "End what dead runs have left: SIGTERM, after the grace SIGKILL.",
    footer = {
      "",
      "An orphan bears the birthmark of a run whose lock is free; nobody else is ended without"
          + " being asked for. Where standard input is a terminal it is asked once, on standard"
          + " error, before orphans are ended; --yes answers that.",
      "",
      "What only looks like ours is shown, and for each process a line \"yes\" on standard input is"
          + " waited for; anything else, the end of the input, or a minute without a line from what"
          + " is no terminal leaves it alone. --yes does not answer these questions, and with"
          + " --json they are not asked.",
      "",
      "Exit status: 0 done, 1 something could not be ended, 2 wrong usage, 3 the state directory "
          + "cannot be read, 130 interrupted."
    })
final class OrphansKillCommand implements Callable<Integer> {
  private static final BigDecimal GRACE_MAX = new BigDecimal("3600");

  private final Terminal terminal;

  @Mixin private final StateOptions options = new StateOptions();

  @Option(names = "--dry-run", description = "Say what would be ended, and touch nothing.")
  private boolean dryRun;

  @Option(
      names = {"-y", "--yes"},
      description = "Do not ask before orphans are ended. Says nothing about other processes.")
  private boolean yes;

  @Option(
      names = "--grace",
      paramLabel = "SECONDS",
      description = "How long SIGTERM may take, for all together. Default: 2; 0: SIGKILL at once.")
  private BigDecimal grace = BigDecimal.TWO;

  @Option(names = "--json", description = "One JSON object.")
  private boolean json;

  OrphansKillCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() {
    leaveTheTalkingToThisCommand();
    StateDirectory state = options.readable();
    Duration longest = duration();
    var killer = new ProcessKiller(AuditLog.ofNoRun(state.path(), "cli"));
    var policy = CleanupPolicy.defaults().withGrace(longest);
    Look look = Look.at(new OrphanDetector(state, killer, policy));
    List<Suspect> suspects = look.overview().suspects();
    var report = new KillReport(terminal, json, suspects);
    var questions = new Questions(terminal);
    if (dryRun || !isWanted(look.overview(), questions)) {
      report.untouched(look.overview(), dryRun ? "would be ended" : "left alone");
      return ExitStatus.DONE;
    }
    Cleanup cleanup = look.detector().cleanupOrphanedProcesses();
    report.done(cleanup);
    var byHand = new SuspectsByHand(terminal, questions, killer, state, longest);
    int errors = cleanup.errors() + (json ? 0 : byHand.askAndKill(suspects));
    return errors == 0 ? ExitStatus.DONE : ExitStatus.FAILED;
  }

  /// What a clean-up logs for whoever reads a host's log stands in the report here. Before anything
  /// logs: logback reads the levels when it starts.
  private static void leaveTheTalkingToThisCommand() {
    if (System.getProperty("terrarium.log.orphan") == null) {
      System.setProperty("terrarium.log.orphan", "OFF");
    }
  }

  private boolean isWanted(Overview overview, Questions questions) {
    int orphans = overview.status().orphanedProcesses();
    if (orphans == 0 || yes || json) {
      return true;
    }
    return switch (terminal.answerer()) {
      case INPUT -> true;
      case NOBODY -> throw new UsageException("nobody can be asked here; --yes ends them");
      case PERSON -> agrees(overview, questions);
    };
  }

  private boolean agrees(Overview overview, Questions questions) {
    overview
        .status()
        .orphanDetails()
        .forEach(
            it ->
                terminal.say("  pid %d: %s".formatted(it.pid(), Words.shortCommand(it.command()))));
    return questions.yes(
        "End %s of dead runs? Type yes to end them:"
            .formatted(Words.count(overview.status().orphanedProcesses(), "process", "processes")));
  }

  private Duration duration() {
    if (grace.signum() < 0 || grace.compareTo(GRACE_MAX) > 0) {
      throw new UsageException(
          "--grace must be 0 to %s seconds, not %s".formatted(GRACE_MAX, grace));
    }
    return Duration.ofMillis(grace.movePointRight(3).longValue());
  }
}
