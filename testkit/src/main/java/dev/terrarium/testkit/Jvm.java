package dev.terrarium.testkit;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

/// A second JVM with the class path of this one, whose lines can be awaited and that can be killed
/// in every way. Dead at the latest when it is closed.
public final class Jvm implements AutoCloseable {
  static {
    Signals.restoreDefaults(); // so that it can be interrupted
  }

  private static final Duration PATIENCE = Duration.ofSeconds(30);

  /// The option that says where temporary files go; a later one wins.
  static final String TEMPORARY = "-Djava.io.tmpdir=";

  private final Process process;
  private final ChildHandle handle;
  private final Thread reader;
  private final Object lock = new Object();

  @GuardedBy("lock")
  private final List<String> lines = new ArrayList<>();

  @GuardedBy("lock")
  private boolean ended;

  private Jvm(Process process) {
    this.process = process;
    this.handle = new ChildHandle(process.pid());
    this.reader = Thread.ofPlatform().daemon().name("jvm-" + process.pid()).start(this::read);
  }

  /// Runs `main` with the given arguments.
  public static Jvm start(Class<?> main, String... arguments) {
    return start(main, Map.of(), List.of(), arguments);
  }

  /// Runs `main` with more environment and options.
  public static Jvm start(
      Class<?> main, Map<String, String> environment, List<String> options, String... arguments) {
    return start(new ProcessBuilder(command(main, options, arguments)), environment);
  }

  /// Runs `main` by way of a command that prepares something and then becomes the JVM, with `exec`.
  public static Jvm behind(
      List<String> launcher, Class<?> main, Map<String, String> environment, String... arguments) {
    var command = new ArrayList<>(launcher);
    command.addAll(command(main, List.of(), arguments));
    return start(new ProcessBuilder(command), environment);
  }

  /// The same with more options and another class path.
  public static Jvm behind(
      List<String> launcher,
      List<String> options,
      String classPath,
      Class<?> main,
      Map<String, String> environment,
      String... arguments) {
    var command = new ArrayList<>(launcher);
    command.addAll(command(main, options, classPath, arguments));
    return start(new ProcessBuilder(command), environment);
  }

  private static List<String> command(Class<?> main, List<String> options, String... arguments) {
    return command(main, options, System.getProperty("java.class.path"), arguments);
  }

  private static List<String> command(
      Class<?> main, List<String> options, String classPath, String... arguments) {
    var command = new ArrayList<String>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("--enable-native-access=ALL-UNNAMED", "-XX:+UseSerialGC"));
    command.addAll(List.of("-XX:TieredStopAtLevel=1", "-Xshare:auto"));
    command.add(TEMPORARY + System.getProperty("java.io.tmpdir"));
    command.addAll(options);
    command.addAll(List.of("-cp", classPath, main.getName()));
    command.addAll(List.of(arguments));
    return command;
  }

  private static Jvm start(ProcessBuilder builder, Map<String, String> environment) {
    builder.environment().putAll(environment);
    try {
      return new Jvm(builder.redirectErrorStream(true).start());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void read() {
    try (BufferedReader in = process.inputReader()) {
      in.lines().forEach(this::add);
    } catch (IOException | UncheckedIOException e) {
      add("(output ended: " + e.getMessage() + ")");
    } finally {
      synchronized (lock) {
        ended = true;
        lock.notifyAll();
      }
    }
  }

  private void add(String line) {
    synchronized (lock) {
      lines.add(line);
      lock.notifyAll();
    }
  }

  public long pid() {
    return process.pid();
  }

  /// Writes a line to its standard input.
  public void say(String line) {
    try {
      BufferedWriter input = process.outputWriter();
      input.write(line);
      input.newLine();
      input.flush();
    } catch (IOException e) {
      throw new UncheckedIOException("it does not listen any more", e);
    }
  }

  /// Standard output and standard error so far.
  public List<String> lines() {
    synchronized (lock) {
      return List.copyOf(lines);
    }
  }

  /// The first line that begins with `prefix`, without it.
  public String awaitLine(String prefix) {
    return awaitLine(line -> line.startsWith(prefix), PATIENCE).substring(prefix.length());
  }

  /// The first line that is as wanted.
  ///
  /// @throws AssertionError with all lines, if it does not come in time or the output ends before
  public String awaitLine(Predicate<String> wanted, Duration timeout) {
    long end = System.nanoTime() + timeout.toNanos();
    synchronized (lock) {
      for (int next = 0; ; next++) {
        awaitMoreThan(next, end);
        if (wanted.test(lines.get(next))) {
          return lines.get(next);
        }
      }
    }
  }

  @GuardedBy("lock")
  private void awaitMoreThan(int count, long end) {
    try {
      while (lines.size() <= count) {
        long left = TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime());
        if (ended || left <= 0) {
          throw new AssertionError("the line did not come; these did:\n" + allLines());
        }
        lock.wait(left);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError("interrupted", e);
    }
  }

  private String allLines() {
    return String.join("\n", lines());
  }

  /// SIGKILL.
  public void kill() {
    handle.send(ChildHandle.SIGKILL);
  }

  /// SIGTERM.
  public void terminate() {
    handle.send(ChildHandle.SIGTERM);
  }

  /// SIGINT, as Ctrl-C does.
  public void interrupt() {
    handle.send(ChildHandle.SIGINT);
  }

  /// SIGSTOP.
  public void pause() {
    handle.send(ChildHandle.SIGSTOP);
  }

  /// SIGCONT.
  public void resume() {
    handle.send(ChildHandle.SIGCONT);
  }

  public boolean alive() {
    return process.isAlive();
  }

  /// Waits for the end; the exit code as Java tells it: 128 + N after signal N.
  public int awaitExit() {
    try {
      if (!process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
        throw new AssertionError("still running:\n" + allLines());
      }
      return process.exitValue();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError("interrupted", e);
    }
  }

  /// Kills it if it still runs. A process that holds its output open keeps the reader, a daemon,
  /// alive.
  @Override
  public void close() {
    kill();
    awaitExit();
    handle.close();
    try {
      reader.join(Duration.ofSeconds(2));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
