package dev.terrarium.cli;

import dev.terrarium.cli.demo.DemoCommand;
import dev.terrarium.cli.demo.VictimCommand;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ParameterException;

/// The command of which all others are a part.
@Command(
    name = "terrarium",
    description = "Pools of Python workers for the JVM. Nothing escapes.",
    synopsisSubcommandLabel = "COMMAND",
    mixinStandardHelpOptions = true,
    versionProvider = VersionCommand.Provider.class)
final class TerrariumCommand implements Runnable {
  @CommandLine.Spec
  private CommandLine.Model.CommandSpec spec = CommandLine.Model.CommandSpec.create();

  /// Runs one command line.
  ///
  /// @return the exit status
  static int execute(Terminal terminal, String... args) {
    int status = commandLine(terminal).execute(args);
    if (terminal.delivered()) {
      return status;
    }
    terminal.say("terrarium: the answer could not be written to standard output");
    return status == ExitStatus.DONE ? ExitStatus.FAILED : status;
  }

  private static CommandLine commandLine(Terminal terminal) {
    ErrorReport errors = new ErrorReport(terminal);
    CommandLine line =
        new CommandLine(new TerrariumCommand())
            .addSubcommand("demo", new DemoCommand(terminal))
            .addSubcommand("run", new RunCommand(terminal))
            .addSubcommand("call", new CallCommand(terminal))
            .addSubcommand("tools", new ToolsCommand(terminal))
            .addSubcommand("version", new VersionCommand(terminal))
            .addSubcommand("help", new CommandLine.HelpCommand())
            .addSubcommand("demo-victim", new VictimCommand(terminal));
    return line.setOut(terminal.out())
        .setErr(terminal.err())
        .setColorScheme(CommandLine.Help.defaultColorScheme(terminal.ansi()))
        .setParameterExceptionHandler((e, _) -> errors.report(e))
        .setExecutionExceptionHandler((e, _, _) -> errors.report(e));
  }

  /// Without a command there is nothing to do: help, as an error.
  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "a command is missing");
  }
}
