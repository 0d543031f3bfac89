package dev.terrarium.testkit;

import static org.awaitility.Awaitility.await;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.ProcessBuilder.Redirect;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// A real process for a test, dead at the latest when it is closed.
public final class Child implements AutoCloseable {
  private final Process process;

  private Child(Process process) {
    this.process = process;
  }

  public static Child start(String... command) {
    return start(List.of(command));
  }

  public static Child start(List<String> command) {
    try {
      return new Child(
          new ProcessBuilder(command)
              .redirectInput(Redirect.from(new File("/dev/null")))
              .redirectOutput(Redirect.DISCARD)
              .redirectError(Redirect.INHERIT)
              .start());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// A process that bears a birthmark, which everything below it inherits.
  public static Child marked(long run, long worker, String... command) {
    var all = new ArrayList<>(List.of("prlimit", "--rttime=" + (run - worker) + ":" + run));
    all.addAll(List.of(command));
    Child child = start(all);
    await()
        .atMost(Duration.ofSeconds(10))
        .pollInterval(Duration.ofMillis(2))
        .until(() -> child.bears(run) || !child.alive());
    return child;
  }

  private boolean bears(long run) {
    return Procs.mark(pid()).equals(Optional.of(run))
        && !Procs.command(pid()).startsWith("prlimit");
  }

  public long pid() {
    return process.pid();
  }

  /// Not ended, and not a zombie.
  public boolean alive() {
    return process.isAlive() && Procs.alive(pid());
  }

  public void kill() {
    process.destroyForcibly();
    awaitExit();
  }

  /// Waits for the end; the exit code as Java tells it: 128 + N after signal N.
  public int awaitExit() {
    try {
      return process.waitFor();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while waiting for pid " + pid(), e);
    }
  }

  @Override
  public void close() {
    kill();
  }
}
