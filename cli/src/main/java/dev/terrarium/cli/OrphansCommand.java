package dev.terrarium.cli;

import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/// Processes of dead runtimes. Without a subcommand they are listed.
@Command(
    name = "orphans",
    description = "Find processes that dead runs have left, and end them. Lists them by default.",
    synopsisSubcommandLabel = "[list | kill]",
    footer = {
      "",
      "Exit status: 0 done, 1 something could not be ended, 2 wrong usage, 3 the state directory "
          + "cannot be read, 130 interrupted."
    })
final class OrphansCommand implements Callable<Integer> {
  private final Terminal terminal;

  @Mixin private final OrphansListing listing;

  private OrphansCommand(Terminal terminal, OrphansListing listing) {
    this.terminal = terminal;
    this.listing = listing;
  }

  static CommandLine withSubcommands(Terminal terminal, JsonOption json) {
    var listing = new OrphansListing(json);
    return new CommandLine(new OrphansCommand(terminal, listing))
        .addSubcommand("list", new ByName(terminal, listing), "ls")
        .addSubcommand("kill", new OrphansKillCommand(terminal, json, listing));
  }

  @Override
  public Integer call() {
    return listing.print(terminal);
  }

  /// The same, by its name.
  @Command(
      name = "list",
      description = "List what dead runs have left, then what only looks like ours.",
      footer = {
        "",
        "Touches nothing. With --json one object a line: pid, kind (warden, zygote, worker, child, "
            + "suspect; with --all other), run, command, since, proof. Of a suspect, and of what "
            + "is another installation's, the proof says what is missing.",
        "",
        "Exit status: 0 done, 2 wrong usage, 3 the state directory cannot be read, 130 interrupted."
      })
  static final class ByName implements Callable<Integer> {
    private final Terminal terminal;

    @Mixin private final OrphansListing listing;

    ByName(Terminal terminal, OrphansListing listing) {
      this.terminal = terminal;
      this.listing = listing;
    }

    @Override
    public Integer call() {
      return listing.print(terminal);
    }
  }
}
