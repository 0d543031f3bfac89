package dev.terrarium.cli;

import dev.terrarium.cli.demo.DemoCommand;
import dev.terrarium.cli.demo.VictimCommand;
import dev.terrarium.cli.doctor.DoctorCommand;
import java.time.Duration;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Supplier;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;

/// The command of which all others are a part.
@Command(
    name = "terrarium",
    description = "Pools of Python workers for the JVM. Nothing escapes.",
    synopsisSubcommandLabel = "COMMAND",
    mixinStandardHelpOptions = true)
final class TerrariumCommand implements Runnable {
  @CommandLine.Spec
  private CommandLine.Model.CommandSpec spec = CommandLine.Model.CommandSpec.create();

  /// Runs one command line.
  ///
  /// @return the exit status
  static int execute(Terminal terminal, String... args) {
    int status = commandLine(terminal, args).execute(args);
    if (terminal.delivered()) {
      return status;
    }
    terminal.say("terrarium: the answer could not be written to standard output");
    return status == ExitStatus.DONE ? ExitStatus.FAILED : status;
  }

  private static CommandLine commandLine(Terminal terminal, String... args) {
    ErrorReport errors = new ErrorReport(terminal);
    JsonOption json = new JsonOption();
    CommandLine line = new CommandLine(new TerrariumCommand()).addMixin("json", json);
    line.getCommandSpec().versionProvider(new VersionCommand.Provider(json));
    addCommands(line, commands(terminal, json), args);
    return line.registerConverter(Duration.class, new Durations())
        .setExecutionStrategy(parsed -> run(parsed, json))
        .setOut(terminal.out())
        .setErr(terminal.err())
        .setColorScheme(CommandLine.Help.defaultColorScheme(terminal.ansi()))
        .setParameterExceptionHandler((e, _) -> errors.report(e))
        .setExecutionExceptionHandler((e, _, _) -> errors.report(e));
  }

  /// What has no JSON form says so, instead of answering in words.
  private static int run(ParseResult parsed, JsonOption json) {
    CommandLine last = parsed.asCommandLineList().getLast();
    if (json.wanted() && last.getCommandSpec().helpCommand()) {
      throw new ParameterException(last, "help is for people and has no JSON form");
    }
    return new CommandLine.RunLast().execute(parsed);
  }

  private static Map<String, Supplier<Object>> commands(Terminal terminal, JsonOption json) {
    Map<String, Supplier<Object>> commands = new LinkedHashMap<>(); // in the order of the help
    commands.put("demo", () -> new DemoCommand(terminal, json));
    commands.put("run", () -> new RunCommand(terminal, json));
    commands.put("call", () -> new CallCommand(terminal));
    commands.put("tools", () -> new ToolsCommand(terminal, json));
    commands.put("status", () -> new StatusCommand(terminal, json));
    commands.put("orphans", () -> OrphansCommand.withSubcommands(terminal, json));
    commands.put("doctor", () -> new DoctorCommand(terminal, json));
    commands.put("version", () -> new VersionCommand(terminal, json));
    commands.put("help", CommandLine.HelpCommand::new);
    commands.put("demo-victim", () -> new VictimCommand(terminal));
    return commands;
  }

  // Reading the annotations of all commands takes as long as the rest of a start: a line that
  // begins with a command's name gets that one, every other line all of them.
  private static void addCommands(
      CommandLine line, Map<String, Supplier<Object>> commands, String... args) {
    String first = Arrays.stream(args).filter(it -> !it.equals("--json")).findFirst().orElse("");
    boolean named = commands.containsKey(first) && !first.equals("help");
    commands.forEach(
        (name, command) -> {
          if (!named || name.equals(first)) {
            line.addSubcommand(name, command.get());
          }
        });
  }

  /// Without a command there is nothing to do: help, as an error.
  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "a command is missing");
  }
}
