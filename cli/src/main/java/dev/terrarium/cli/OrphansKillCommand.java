package dev.terrarium.cli;

import dev.terrarium.CleanupPolicy;
import dev.terrarium.base.Count;
import dev.terrarium.orphan.OrphanDetector;
import dev.terrarium.orphan.OrphanDetector.Cleanup;
import dev.terrarium.orphan.OrphanDetector.Suspect;
import dev.terrarium.orphan.Overview;
import dev.terrarium.process.AuditLog;
import dev.terrarium.process.ProcessKiller;
import dev.terrarium.registry.StateDirectory;
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
  private static final Duration GRACE_MAX = Duration.ofHours(1);

  private final Terminal terminal;
  private final JsonOption json;
  private final OrphansListing listing;

  @Mixin private final StateOptions options;

  @Option(names = "--dry-run", description = "Say what would be ended, and touch nothing.")
  private boolean dryRun;

  @Option(
      names = {"-y", "--yes"},
      description = "Do not ask before orphans are ended. Says nothing about other processes.")
  private boolean yes;

  @Option(
      names = "--grace",
      paramLabel = "TIME",
      description =
          "How long SIGTERM may take, for all together: 300ms, 5s, 2m. Default: 2s; 0s: SIGKILL at"
              + " once.")
  private Duration grace = Duration.ofSeconds(2);

  /// @param listing what stands before `kill`
  OrphansKillCommand(Terminal terminal, JsonOption json, OrphansListing listing) {
    this.terminal = terminal;
    this.json = json;
    this.listing = listing;
    this.options = listing.options();
  }

  @Override
  public Integer call() {
    leaveTheTalkingToThisCommand();
    if (listing.isOfAll()) {
      throw new UsageException(
          "--all is for looking: nothing of another installation is ended here");
    }
    StateDirectory state = options.readable();
    Duration longest = Durations.within("--grace", grace, Duration.ZERO, GRACE_MAX);
    var killer = new ProcessKiller(AuditLog.ofNoRun(state.path(), "cli"));
    var policy = CleanupPolicy.defaults().withGrace(longest);
    Look look = Look.at(new OrphanDetector(state, killer, policy));
    List<Suspect> suspects = look.overview().suspects();
    var report = new KillReport(terminal, json.wanted(), suspects);
    var questions = new Questions(terminal);
    if (dryRun || !isWanted(look.overview(), questions)) {
      report.untouched(look.overview(), dryRun ? "would be ended" : "left alone");
      return ExitStatus.DONE;
    }
    Cleanup cleanup = look.detector().cleanupOrphanedProcesses();
    report.done(cleanup);
    var byHand = new SuspectsByHand(terminal, questions, killer, state, longest);
    int errors = cleanup.errors() + (json.wanted() ? 0 : byHand.askAndKill(suspects));
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
    if (orphans == 0 || yes || json.wanted()) {
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
    int orphans = overview.status().orphanedProcesses();
    return questions.yes(
        "End %s of dead runs? Type yes to end %s:"
            .formatted(
                Count.grouped(orphans, "process", "processes"), orphans == 1 ? "it" : "them"));
  }
}
