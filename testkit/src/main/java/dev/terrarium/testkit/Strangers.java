package dev.terrarium.testkit;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.lang.ProcessBuilder.Redirect;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Assumptions;

/// Processes that get the numbers of others, on purpose: `python/tests/_strangers.py` says how.
/// Whoever signals a number that was somebody's, and hits one of them, has hit a stranger.
///
/// Safe for use by many threads.
public final class Strangers implements AutoCloseable {
  // Tests run in a module's folder.
  private static final Path PROGRAM = Path.of("../python/tests/_strangers.py");

  private final Process parent;
  private final Writer orders;
  private final BufferedReader answers;
  private final List<Long> pids = new ArrayList<>();
  private long forks;

  private Strangers(Process parent) {
    this.parent = parent;
    this.orders = parent.outputWriter(UTF_8);
    this.answers = parent.inputReader(UTF_8);
  }

  /// Aborts the test where numbers cannot be forced.
  ///
  /// @param arguments stand on the command line of each of the processes, and mean nothing
  public static Strangers start(String... arguments) {
    var command = new ArrayList<>(List.of("python3", PROGRAM.toString()));
    command.addAll(List.of(arguments));
    try {
      var strangers =
          new Strangers(new ProcessBuilder(command).redirectError(Redirect.INHERIT).start());
      String said = strangers.answers.readLine();
      if (!"ready".equals(said)) {
        strangers.close();
        Assumptions.abort(said);
      }
      return strangers;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// A process that bears a birthmark and ignores SIGTERM; it leads a group of its own.
  public long ours(long run, long worker) {
    return order("ours " + run + " " + worker);
  }

  /// Ends a process of ours, or a stranger, and has a stranger take its number; or somebody else on
  /// this machine is quicker.
  public void replace(long pid) {
    take(pid, order("replace " + pid));
  }

  /// Has a stranger take the number of a process that has ended.
  public void take(long pid) {
    take(pid, order("at " + pid));
  }

  private synchronized void take(long pid, long needed) {
    forks += needed;
    if (needed > 0) {
      pids.add(pid);
    }
  }

  private synchronized long order(String line) {
    try {
      orders.write(line + "\n");
      orders.flush();
      String answer = answers.readLine();
      if (answer == null) {
        throw new IllegalStateException("no answer to '%s'".formatted(line));
      }
      return Long.parseLong(answer);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// How many numbers were given away.
  public synchronized int taken() {
    return pids.size();
  }

  /// The numbers whose strangers are dead, of at least half as many as were wanted.
  ///
  /// @throws AssertionError where fewer were to be had
  public synchronized List<Long> dead(int wanted) {
    System.out.printf("%d numbers given away by %d forks%n", pids.size(), forks);
    if (pids.size() < wanted / 2) {
      throw new AssertionError(
          "only %d of %d numbers were to be had".formatted(pids.size(), wanted));
    }
    return pids.stream().filter(pid -> !Procs.alive(pid)).toList();
  }

  /// Ends all of them.
  @Override
  public void close() {
    try {
      orders.close();
      parent.waitFor();
      answers.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
