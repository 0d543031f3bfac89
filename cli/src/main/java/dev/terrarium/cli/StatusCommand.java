package dev.terrarium.cli;

import dev.terrarium.CleanupPolicy;
import dev.terrarium.orphan.OrphanDetector;
import dev.terrarium.process.ProcessKiller;
import dev.terrarium.registry.StateDirectory;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// What runs, what is dead, and what is left of it.
@Command(
    name = "status",
    description = "Show the runs of this user: pools and workers, and what dead runs have left.",
    footer = {
      "",
      "Asks the hosts that run. What does not answer is told from lock, ledger and birthmark. "
          + "Starts nothing and changes nothing.",
      "",
      "Exit status: 0 done, 2 wrong usage, 3 the state directory cannot be read, 130 interrupted."
    })
final class StatusCommand implements Callable<Integer> {
  private final Terminal terminal;

  @Mixin private final StateOptions options = new StateOptions();

  @Option(names = "--json", description = "One JSON object.")
  private boolean json;

  StatusCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() {
    var killer = new ProcessKiller(_ -> {}); // which nobody asks for anything here
    var policy = CleanupPolicy.defaults().reportOnly();
    StateDirectory state = options.readable();
    Look look = Look.at(new OrphanDetector(state, killer, policy));
    if (json) {
      terminal.print(Json.write(StatusJson.of(look)));
    } else {
      new StatusText(terminal, look, state.path()).print();
    }
    return ExitStatus.DONE;
  }
}
