package dev.terrarium.cli;

import dev.terrarium.BadArgumentException;
import dev.terrarium.CallCancelledException;
import dev.terrarium.StartFailedException;
import dev.terrarium.TerrariumException;
import dev.terrarium.UnknownToolException;
import dev.terrarium.registry.RegistryException;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/// Says what went wrong in the words of whoever found it, and what the exit status is. A stack
/// trace of ours appears only for a mistake of ours.
final class ErrorReport {
  private final Terminal terminal;

  ErrorReport(Terminal terminal) {
    this.terminal = terminal;
  }

  int report(Exception error) {
    int status = statusOf(error);
    if (isEnding()) {
      return ExitStatus
          .INTERRUPTED; // what fails now fails because of the signal, which has been noticed
    }
    if (status == ExitStatus.FAILED && !(error instanceof TerrariumException)) {
      terminal.say("terrarium: this is a bug of Terrarium's, please report it");
      error.printStackTrace(terminal.err());
    } else {
      terminal.say("terrarium: " + text(error));
    }
    return status;
  }

  private static String text(Exception error) {
    String message = Objects.toString(error.getMessage(), error.getClass().getSimpleName());
    if (!(error instanceof ParameterException wrong)) {
      return message;
    }
    String said =
        wrong instanceof UnmatchedArgumentException u ? unmatched(u) : lowerFirst(message);
    return "%s; '%s --help' says more"
        .formatted(said, wrong.getCommandLine().getCommandSpec().qualifiedName());
  }

  private static String unmatched(UnmatchedArgumentException error) {
    String argument = error.getUnmatched().getFirst();
    boolean command = !error.getCommandLine().getSubcommands().isEmpty();
    String kind = argument.startsWith("-") ? "option" : command ? "command" : "argument";
    Optional<String> guess =
        argument.startsWith("-")
            ? Guesses.option(error.getCommandLine(), argument)
            : Guesses.command(error.getCommandLine(), argument);
    return "unknown %s '%s'%s"
        .formatted(kind, argument, guess.map(", did you mean '%s'?"::formatted).orElse(""));
  }

  private static String lowerFirst(String message) {
    return message.isEmpty()
        ? ""
        : message.substring(0, 1).toLowerCase(Locale.ROOT) + message.substring(1);
  }

  private static int statusOf(Exception error) {
    return switch (error) {
      case ParameterException _, UsageException _ -> ExitStatus.WRONG_USAGE;
      case UnknownToolException _, BadArgumentException _ -> ExitStatus.WRONG_USAGE;
      case CallCancelledException _ -> ExitStatus.INTERRUPTED;
      case StartFailedException failed -> statusOf(failed.reason());
      case RegistryException _ -> ExitStatus.ENVIRONMENT_NOT_FIT;
      default -> ExitStatus.FAILED;
    };
  }

  private static int statusOf(StartFailedException.Reason reason) {
    return switch (reason) {
      case PLATFORM,
          LIBRARIES,
          DIRECTORY,
          BIRTHMARK,
          INTERPRETER_MISSING,
          INTERPRETER_TOO_OLD,
          INTERPRETER_UNUSABLE,
          WARDEN,
          SPAWN,
          CONTAINMENT ->
          ExitStatus.ENVIRONMENT_NOT_FIT;
      // What was named is no adapter; one that is, and does not load, has failed.
      case ADAPTER_MISSING, ADAPTER_UNREADABLE, NO_TOOLS -> ExitStatus.WRONG_USAGE;
      case ADAPTER_SYNTAX,
          ADAPTER_IMPORT,
          ADAPTER_EXITED,
          ADAPTER_FAILED,
          ON_START_FAILED,
          TIMED_OUT,
          WORKER_DIED ->
          ExitStatus.FAILED;
      case CANCELLED -> ExitStatus.INTERRUPTED;
    };
  }

  // Asks the JVM whether its shutdown hooks run: it refuses to talk of hooks from then on.
  private static boolean isEnding() {
    try {
      Runtime.getRuntime().removeShutdownHook(new Thread());
      return false;
    } catch (IllegalStateException ending) {
      return true;
    }
  }
}
