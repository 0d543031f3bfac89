package dev.terrarium.testkit;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.file.Path;

/// Another process that tries to take a lock (`flock`), over and over, until it is asked how often
/// it got it.
public final class LockProbe implements AutoCloseable {
  private static final String PROGRAM =
      """
      import fcntl, select, sys
      tries = taken = 0
      asked = False
      with open(sys.argv[1]) as file:
          while True:
              try:
                  fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                  fcntl.flock(file, fcntl.LOCK_UN)
                  taken += 1
              except BlockingIOError:
                  pass
              tries += 1
              if tries == 1:
                  print("began", flush=True)
              if asked:
                  break
              asked = bool(select.select([sys.stdin], [], [], 0.001)[0])
      print(tries, taken)
      """;

  private final Process process;
  private final BufferedReader lines;

  /// What the probe has seen.
  ///
  /// @param tries at least one before [#start] returned, and one after it was asked
  /// @param taken how many of them got the lock
  public record Seen(long tries, long taken) {}

  private LockProbe(Process process) {
    this.process = process;
    this.lines = process.inputReader();
  }

  /// Returns when it has tried for the first time.
  public static LockProbe start(Path lock) {
    try {
      Process process =
          new ProcessBuilder("python3", "-c", PROGRAM, lock.toString())
              .redirectError(Redirect.INHERIT)
              .start();
      var probe = new LockProbe(process);
      probe.line();
      return probe;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// Ends it.
  public Seen end() {
    try {
      process.getOutputStream().close();
      String[] numbers = line().split(" ", -1);
      return new Seen(Long.parseLong(numbers[0]), Long.parseLong(numbers[1]));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private String line() throws IOException {
    String line = lines.readLine();
    if (line == null) {
      throw new IllegalStateException("the probe ended; its words stand above");
    }
    return line;
  }

  @Override
  public void close() {
    process.destroyForcibly();
    try {
      process.waitFor();
      lines.close();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
