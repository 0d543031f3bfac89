package dev.terrarium.cli;

import dev.terrarium.CleanupPolicy;
import dev.terrarium.orphan.OrphanDetector;
import dev.terrarium.process.ProcessKiller;
import dev.terrarium.registry.StateDirectory;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// What runs, what is dead, and what is left of it.
@Command(
    name = "status",
    description =
        "Show the runs of this user: pools, workers with memory and processor time, and what dead"
            + " runs have left.",
    footer = {
      "",
      "Asks the hosts that run. What does not answer is told from lock, ledger and birthmark, and "
          + "what a worker takes from /proc. Starts nothing and changes nothing.",
      "",
      "Another installation is one with another state directory, or of another user. Only what runs"
          + " shows where it is.",
      "",
      "Exit status: 0 done, 2 wrong usage, 3 the state directory cannot be read, 130 interrupted."
    })
final class StatusCommand implements Callable<Integer> {
  private final Terminal terminal;
  private final JsonOption json;

  @Mixin private final StateOptions options = new StateOptions();

  @Option(names = "--all", description = "The runs of other installations as well.")
  private boolean all;

  StatusCommand(Terminal terminal, JsonOption json) {
    this.terminal = terminal;
    this.json = json;
  }

  @Override
  public Integer call() {
    StateDirectory state = options.readable();
    Look look = at(state);
    List<Installation> others =
        all ? Installation.others(look.overview(), state, StatusCommand::at) : List.of();
    if (json.wanted()) {
      var object = StatusJson.of(look);
      if (all) {
        object.put("others", others.stream().map(StatusJson::of).toList());
      }
      terminal.print(Json.write(object));
    } else {
      new StatusText(terminal, look, state.path()).print(all);
      others.forEach(it -> StatusText.print(terminal, it));
    }
    return ExitStatus.DONE;
  }

  private static Look at(StateDirectory state) {
    var killer = new ProcessKiller(_ -> {}); // which nobody asks for anything here
    return Look.at(new OrphanDetector(state, killer, CleanupPolicy.defaults().reportOnly()));
  }
}
