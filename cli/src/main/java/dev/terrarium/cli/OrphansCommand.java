package dev.terrarium.cli;

import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/// Processes of dead runtimes. Without a subcommand they are listed.
@Command(
    name = "orphans",
    description = "Find processes that dead runs have left, and end them. Lists them by default.",
    synopsisSubcommandLabel = "[ls | kill]",
    footer = {
      "",
      "Exit status: 0 done, 1 something could not be ended, 2 wrong usage, 3 the state directory "
          + "cannot be read, 130 interrupted."
    })
final class OrphansCommand implements Callable<Integer> {
  private final Terminal terminal;

  @Mixin private final OrphansListing listing = new OrphansListing();

  private OrphansCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  static CommandLine withSubcommands(Terminal terminal) {
    return new CommandLine(new OrphansCommand(terminal))
        .addSubcommand("ls", new Ls(terminal))
        .addSubcommand("kill", new OrphansKillCommand(terminal));
  }

  @Override
  public Integer call() {
    return listing.print(terminal);
  }

  /// The same, by its name.
  @Command(
      name = "ls",
      description = "List what dead runs have left, then what only looks like ours.",
      footer = {
        "",
        "Touches nothing. With --json one object a line: pid, kind (warden, zygote, worker, child, "
            + "suspect), run, command, since, proof. Of a suspect the proof says what is missing.",
        "",
        "Exit status: 0 done, 2 wrong usage, 3 the state directory cannot be read, 130 interrupted."
      })
  static final class Ls implements Callable<Integer> {
    private final Terminal terminal;

    @Mixin private final OrphansListing listing = new OrphansListing();

    Ls(Terminal terminal) {
      this.terminal = terminal;
    }

    @Override
    public Integer call() {
      return listing.print(terminal);
    }
  }
}
