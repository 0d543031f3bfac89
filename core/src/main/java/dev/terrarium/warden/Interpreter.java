package dev.terrarium.warden;

import dev.terrarium.StartFailedException;
import dev.terrarium.StartFailedException.Reason;
import dev.terrarium.process.Birthmark;
import dev.terrarium.process.MarkedProcess;
import dev.terrarium.process.ProcessKiller;
import dev.terrarium.process.Realm;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// A Python interpreter that was asked who it is.
///
/// The command that a user names is often the launcher script of a version manager: another
/// process, 50 to 100 ms a start, and one that forks. So the command runs once to say its
/// `sys.executable`, and only that is started from then on. In a virtual environment that is the
/// environment's own `python`. It may hang, and leave others behind: see [MarkedProcess].
///
/// @param executable the real interpreter
/// @param version such as `3.11.7`
public record Interpreter(Path executable, String version) {
  static final int OLDEST_MINOR = 9;

  /// How long one may take to answer.
  static final Duration PROBE_TIMEOUT = Duration.ofSeconds(20);

  /// How long what it leaves behind, outside of its group, may take to die of SIGKILL.
  private static final Duration SWEEP_TIMEOUT = Duration.ofSeconds(5);

  /// A launcher that talks on and on has said enough.
  private static final int ANSWER_BYTES_MAX = 1 << 16;

  private static final int LINES = 6;
  private static final AtomicLong LAST = new AtomicLong();
  private static final Set<Long> ASKED = ConcurrentHashMap.newKeySet();
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
          import _ctypes, _socket, resource, select
      except ImportError:
          lacking = str(sys.exc_info()[1])
      sys.stdout.write("\\nterrarium\\n%d\\n%d\\n%d\\n%s\\n%s\\n"
          % (sys.version_info[:3] + (sys.executable, lacking)))
      """;

  /// Finds the interpreter behind a command or path, and waits for it. Runs a process the first
  /// time, answers from memory afterwards.
  ///
  /// @throws StartFailedException where it is missing, too old, or does not work
  public static Interpreter resolve(String command) {
    try (Inquiry inquiry = ask(command, Birthmark.choose().chosen())) {
      return inquiry.answer();
    }
  }

  /// Begins to find it, in a thread of its own.
  ///
  /// @param mark of the run that it is for; the process bears it, with a number of its own
  public static Inquiry ask(String command, Optional<Birthmark> mark) {
    Interpreter known = KNOWN.get(command);
    return known != null && known.executable.toFile().canExecute()
        ? new Inquiry(command, known)
        : ask(command, mark, PROBE_TIMEOUT);
  }

  /// The same, whether it is known or not.
  static Inquiry ask(String command, Optional<Birthmark> mark, Duration longest) {
    return new Inquiry(command, mark, longest);
  }

  /// Whether a process bears this number because it is asked who it is, and is nobody's worker.
  public static boolean isAsked(long number) {
    return ASKED.contains(number);
  }

  /// An interpreter that is being asked. The process, and all that it starts, ends with the JVM at
  /// the latest.
  public static final class Inquiry implements AutoCloseable {
    private final String command;
    private final Optional<Birthmark.Mark> mark;
    private final CompletableFuture<Interpreter> answer = new CompletableFuture<>();
    private final AtomicReference<@Nullable MarkedProcess> process = new AtomicReference<>();
    private final Duration longest;
    private volatile boolean closed;

    private Inquiry(String command, Interpreter known) {
      this.command = command;
      this.longest = Duration.ZERO;
      this.mark = Optional.empty();
      answer.complete(known);
    }

    private Inquiry(String command, Optional<Birthmark> run, Duration longest) {
      this.longest = longest;
      this.command = command;
      this.mark =
          run.map(it -> new Birthmark.Mark(it.run(), Realm.COMMON.aside(LAST.getAndIncrement())));
      Thread.ofPlatform().daemon().name("terrarium-interpreter").start(this::run);
    }

    /// Waits for the answer.
    ///
    /// @throws StartFailedException where it is missing, too old, or does not work, or the caller
    ///   is interrupted
    public Interpreter answer() {
      try {
        return answer.get();
      } catch (ExecutionException e) {
        throw e.getCause() instanceof StartFailedException failure
            ? new StartFailedException(
                failure.reason(), String.valueOf(failure.getMessage()), failure)
            : new IllegalStateException(e.getCause());
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new StartFailedException(Reason.CANCELLED, "Interrupted while starting", e);
      }
    }

    /// Nobody wants to know any more: what still runs of it is killed.
    @Override
    public void close() {
      closed = true;
      cut();
    }

    private void cut() {
      MarkedProcess running = process.get();
      if (running != null) {
        running.cut();
      }
    }

    private void run() {
      mark.ifPresent(its -> ASKED.add(its.worker()));
      try {
        Interpreter found = parse(command, say());
        KNOWN.put(command, found);
        answer.complete(found);
      } catch (IOException e) {
        answer.completeExceptionally(unusable(command, String.valueOf(e.getMessage())));
      } catch (Throwable e) {
        answer.completeExceptionally(e);
      } finally {
        end();
      }
    }

    private String say() throws IOException {
      MarkedProcess asked =
          MarkedProcess.start(List.of(find(command), "-E", "-s", "-S", "-c", PROBE), mark);
      process.set(asked);
      if (closed) {
        asked.cut();
      }
      asked.getOutputStream().close();
      try {
        byte[] said =
            asked.read(Interpreter::isComplete, longest).orElseThrow(() -> hangs(command, longest));
        return new String(said, StandardCharsets.UTF_8);
      } catch (IOException e) {
        throw unusable(command, e.toString());
      }
    }

    /// Its group goes by its lifeline, and what has left that by its mark.
    private void end() {
      MarkedProcess asked = process.get();
      if (asked != null) {
        asked.close();
        var killer = new ProcessKiller(entry -> {}); // there need not be a run that keeps an audit
        mark.ifPresent(
            its -> killer.sweep(its, "the interpreter was asked who it is", SWEEP_TIMEOUT));
      }
      mark.ifPresent(its -> ASKED.remove(its.worker()));
    }
  }

  // As a shell finds commands.
  private static String find(String command) {
    List<Path> places =
        command.contains("/")
            ? List.of(Path.of(command))
            : Stream.of(String.valueOf(System.getenv("PATH")).split(":"))
                .map(folder -> Path.of(folder).resolve(command))
                .toList();
    List<Path> there = places.stream().filter(Files::isRegularFile).toList();
    return there.stream()
        .filter(Files::isExecutable)
        .findFirst()
        .orElseThrow(
            () ->
                missing(
                    command,
                    there.isEmpty()
                        ? "No such file or directory"
                        : "Permission denied (%s may not be executed: chmod +x it, or its file system is mounted noexec)"
                            .formatted(there.getFirst())))
        .toAbsolutePath()
        .toString();
  }

  private static boolean isComplete(byte[] said) {
    return said.length > ANSWER_BYTES_MAX
        || lines(new String(said, StandardCharsets.UTF_8)).length > LINES;
  }

  // Launchers, and agents, may have something to say before, and not end the line.
  private static String[] lines(String said) {
    int start = ("\n" + said).lastIndexOf("\n" + FIRST_LINE);
    return start < 0 ? new String[0] : said.substring(start).split("\n", -1);
  }

  private static Interpreter parse(String command, String output) {
    String[] lines = lines(output);
    if (lines.length < LINES || !NUMBERS.matcher(String.join(" ", lines)).lookingAt()) {
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

  private static StartFailedException missing(String command, String why) {
    return new StartFailedException(
        Reason.INTERPRETER_MISSING,
        "Python interpreter '%s' cannot be run: %s; install Python 3.%d or newer, or name one with python(...) or TERRARIUM_PYTHON"
            .formatted(command, why, OLDEST_MINOR));
  }

  private static StartFailedException hangs(String command, Duration longest) {
    return new StartFailedException(
        Reason.INTERPRETER_UNUSABLE,
        "Python interpreter '%s' does not work; it did not say its version within %d s and was killed, with all that it had started: where it is a launcher, name the interpreter itself with python(...) or TERRARIUM_PYTHON"
            .formatted(command, longest.toSeconds()));
  }

  private static StartFailedException unusable(String command, String said) {
    return new StartFailedException(
        Reason.INTERPRETER_UNUSABLE,
        "Python interpreter '%s' does not work; it said: %s"
            .formatted(command, said.isEmpty() ? "nothing" : said));
  }
}
