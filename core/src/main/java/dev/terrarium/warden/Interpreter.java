package dev.terrarium.warden;

import dev.terrarium.StartFailedException;
import dev.terrarium.StartFailedException.Reason;
import dev.terrarium.process.ProcessIdentity;
import dev.terrarium.process.ProcessKiller;
import dev.terrarium.process.Signal;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;

/// A Python interpreter that was asked who it is.
///
/// The command that a user names is often the launcher script of a version manager: another
/// process, 50 to 100 ms a start, and one that forks. So the command runs once to say its
/// `sys.executable`, and only that is started from then on. In a virtual environment that is the
/// environment's own `python`.
///
/// @param executable the real interpreter
/// @param version such as `3.11.7`
public record Interpreter(Path executable, String version) {
  static final int OLDEST_MINOR = 9;
  private static final int PROBE_TIMEOUT_SECONDS = 20;
  private static final Map<String, Interpreter> KNOWN = new ConcurrentHashMap<>();

  private static final String FIRST_LINE = "terrarium\n";
  private static final Pattern NUMBERS = Pattern.compile("terrarium( \\d{1,9}){3} ");

  // Has to be Python 2 as well: an interpreter that is too old is to say so, not to fail on our
  // syntax.
  private static final String PROBE =
      """
      import sys
      lacking = ""
      try:
          import ctypes, resource, select, socket
      except ImportError:
          lacking = str(sys.exc_info()[1])
      sys.stdout.write("terrarium\\n%d\\n%d\\n%d\\n%s\\n%s\\n"
          % (sys.version_info[:3] + (sys.executable, lacking)))
      """;

  /// Finds the interpreter behind a command or path. Runs a process the first time, answers from
  /// memory afterwards.
  ///
  /// @throws StartFailedException where it is missing, too old, or does not work
  public static Interpreter resolve(String command) {
    Interpreter known = KNOWN.get(command);
    if (known != null && known.executable.toFile().canExecute()) {
      return known;
    }
    Interpreter found = parse(command, run(command));
    KNOWN.put(command, found);
    return found;
  }

  /// The same in a thread of its own, which lives for as long as it takes.
  public static Future<Interpreter> resolveAside(String command) {
    var search = new FutureTask<>(() -> resolve(command));
    Thread.ofPlatform().daemon().name("terrarium-interpreter").start(search);
    return search;
  }

  private static String run(String command) {
    Process process;
    try {
      process =
          new ProcessBuilder(command, "-E", "-s", "-c", PROBE).redirectErrorStream(true).start();
    } catch (IOException e) {
      throw new StartFailedException(
          Reason.INTERPRETER_MISSING,
          "Python interpreter '%s' cannot be run: %s; install Python 3.%d or newer, or name one with python(...) or TERRARIUM_PYTHON"
              .formatted(command, systemsWord(e), OLDEST_MINOR),
          e);
    }
    Optional<ProcessIdentity> identity = ProcessIdentity.of(process.pid());
    try (var output = process.getInputStream()) {
      process.getOutputStream().close();
      // Where the launcher hangs, ending it ends the stream and so the read below.
      var _ =
          process
              .onExit()
              .orTimeout(PROBE_TIMEOUT_SECONDS, TimeUnit.SECONDS)
              .exceptionally(late -> end(process, identity));
      return new String(output.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw unusable(command, e.toString());
    } finally {
      end(process, identity);
    }
  }

  // The JDK says `Cannot run program "x": Exec failed, error: 2 (No such file or directory) `.
  private static String systemsWord(IOException e) {
    String message = String.valueOf(e.getMessage()).strip();
    int open = message.lastIndexOf('(');
    return open > 0 && message.endsWith(")")
        ? message.substring(open + 1, message.length() - 1)
        : message;
  }

  /// @param identity as it was at the start: it ends about now, and its number may be another's
  private static Process end(Process process, Optional<ProcessIdentity> identity) {
    ProcessKiller killer = new ProcessKiller(entry -> {}); // there is no run yet to keep an audit
    identity
        .filter(_ -> process.isAlive())
        .ifPresent(it -> killer.signal(it, Signal.KILL, "the interpreter was asked who it is"));
    return process;
  }

  private static Interpreter parse(String command, String output) {
    // Launchers may have something to say before.
    int start = output.startsWith(FIRST_LINE) ? 0 : output.indexOf("\n" + FIRST_LINE) + 1;
    String[] lines = output.substring(start).split("\n", -1);
    if (lines.length < 6 || !NUMBERS.matcher(String.join(" ", lines)).lookingAt()) {
      throw unusable(command, output.strip());
    }
    String version = lines[1] + "." + lines[2] + "." + lines[3];
    if (Integer.parseInt(lines[1]) != 3 || Integer.parseInt(lines[2]) < OLDEST_MINOR) {
      throw new StartFailedException(
          Reason.INTERPRETER_TOO_OLD,
          "Python interpreter '%s' is %s; Terrarium needs 3.%d or newer: name one with python(...) or TERRARIUM_PYTHON"
              .formatted(command, version, OLDEST_MINOR));
    }
    if (!lines[5].isEmpty()) {
      throw unusable(command, lines[5] + " (a part of the standard library is missing)");
    }
    return new Interpreter(Path.of(lines[4]), version);
  }

  private static StartFailedException unusable(String command, String said) {
    return new StartFailedException(
        Reason.INTERPRETER_UNUSABLE,
        "Python interpreter '%s' does not work; it said: %s"
            .formatted(command, said.isEmpty() ? "nothing" : said));
  }
}
