package dev.terrarium.cli;

import dev.terrarium.base.Count;
import dev.terrarium.orphan.OrphanDetector.Suspect;
import dev.terrarium.process.ProcFs;
import dev.terrarium.process.ProcStat;
import dev.terrarium.process.ProcessKiller;
import dev.terrarium.process.ProcessKiller.Escalation;
import dev.terrarium.registry.StateDirectory;
import java.time.Duration;
import java.util.List;

/// Processes that only look like ours: ended one by one, on somebody's word for each.
final class SuspectsByHand {
  private static final String WHY = "orphans kill: not proved, confirmed by hand";

  private final Terminal terminal;
  private final Questions questions;
  private final ProcessKiller killer;
  private final StateDirectory state;
  private final Duration grace;

  SuspectsByHand(
      Terminal terminal,
      Questions questions,
      ProcessKiller killer,
      StateDirectory state,
      Duration grace) {
    this.terminal = terminal;
    this.questions = questions;
    this.killer = killer;
    this.state = state;
    this.grace = grace;
  }

  /// Who they are.
  static void warn(Terminal terminal, List<Suspect> suspects) {
    terminal.say(
        "WARNING: Cannot distinguish %s from somebody else's. What looks like ours, and is not proved to be an orphan:"
            .formatted(Count.grouped(suspects.size(), "process", "processes")));
    for (Suspect suspect : suspects) {
      long pid = suspect.identity().pid();
      terminal.say("  pid %d: %s".formatted(pid, Words.shortCommand(suspect.command())));
      terminal.say("    " + suspect.why() + under(pid));
    }
  }

  private static String under(long pid) {
    return ProcFs.stat(pid)
        .map(ProcStat::parent)
        .filter(parent -> parent > 0)
        .map(it -> "; under pid %d: %s".formatted(it, Words.shortCommand(ProcFs.commandLine(it))))
        .orElse("");
  }

  /// Asks for each, and ends those for which the answer is yes.
  ///
  /// @return how many of those are not dead
  int askAndKill(List<Suspect> suspects) {
    if (suspects.isEmpty()) {
      return 0;
    }
    warn(terminal, suspects);
    int errors = 0;
    for (Suspect suspect : suspects) {
      String question =
          "Kill pid %d? Type yes to kill it, anything else leaves it alone:"
              .formatted(suspect.identity().pid());
      if (questions.yes(question) && !kill(suspect)) {
        errors++;
      }
    }
    return errors;
  }

  private boolean kill(Suspect suspect) {
    long pid = suspect.identity().pid();
    if (!ProcFs.commandLine(pid).equals(suspect.command())) {
      terminal.print("pid %d: is gone, or has become something else; left alone".formatted(pid));
      return true;
    }
    StateDirectory.at(
        state.path()); // for the audit: nothing that is not proved dies without a trace
    Escalation end =
        suspect
            .mark()
            .map(mark -> killer.escalate(suspect.identity(), mark, grace, WHY))
            .orElseGet(() -> killer.escalate(suspect.identity(), grace, WHY));
    terminal.print("pid %d: %s".formatted(pid, Outcome.of(end.ending()).text()));
    return end.gone();
  }
}
