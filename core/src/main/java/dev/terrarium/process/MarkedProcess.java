package dev.terrarium.process;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Predicate;

/// A child of the JVM that cannot get away. Before it runs anything of its command
///
/// - it leads a session, and so a process group, of its own,
/// - it bears a mark, as do all that it starts, and
/// - it has a lifeline: a pipe whose other end this JVM holds. When that closes, because the JVM is
///   gone or by [#cut()], the kernel kills the whole group, and nobody has to be awake for it.
///
/// A shell stands still in its place until all of that is done, and then becomes the command.
///
/// Safe for use by many threads. Its own descriptors are close-on-exec.
public final class MarkedProcess extends Process {
  private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(10);

  /// Reads one line, byte by byte, and leaves the rest of standard input to the command.
  private static final String GATE = "read -r go && exec \"$@\"";

  private static final String SHELL = "/bin/sh";
  private static final byte[] GO = {'\n'};
  private static final int CLOSED = -1;
  private static final int LOG_MODE = 0666; // less what the umask takes
  private static final int CHUNK_BYTES = 1 << 13;
  private static final int SIGNALLED = 128;

  private final CountDownLatch born = new CountDownLatch(1);
  private final AtomicInteger line;
  private final AtomicInteger input;
  private final AtomicInteger output;
  private final CompletableFuture<Process> ended = new CompletableFuture<>();
  private volatile long pid; // of nobody until it is born; minus the error where it never was
  private volatile int exitValue;

  private MarkedProcess(int line, int input, int output) {
    this.line = new AtomicInteger(line);
    this.input = new AtomicInteger(input);
    this.output = new AtomicInteger(output);
  }

  /// Starts a command with a pipe for its output, which [#read] reads.
  ///
  /// @param mark empty where this machine has none to give
  /// @throws IOException where it cannot be started
  public static MarkedProcess start(List<String> command, Optional<Birthmark.Mark> mark)
      throws IOException {
    try (var ends = new Ends()) {
      int[] output = ends.pipe();
      return start(command, mark, ends, output[1], output[0]);
    }
  }

  /// Starts a command whose output is appended to a file.
  ///
  /// @throws IOException where it cannot be started
  public static MarkedProcess start(List<String> command, Optional<Birthmark.Mark> mark, Path log)
      throws IOException {
    try (var ends = new Ends()) {
      return start(command, mark, ends, ends.open(log), CLOSED);
    }
  }

  private static MarkedProcess start(
      List<String> command, Optional<Birthmark.Mark> mark, Ends ends, int theirs, int ours)
      throws IOException {
    int[] input = ends.pipe();
    int[] line = ends.pipe();
    var descriptors =
        new Spawn.Descriptors(ends.high(input[0]), ends.high(theirs), ends.high(line[0]));
    var process = new MarkedProcess(line[1], input[1], ours);
    ends.keep(line[1], input[1], ours);
    try {
      process.collect();
      boolean gate = process.bear(command, descriptors);
      boolean marked =
          mark.map(its -> new Birthmark(its.run()).mark(process.pid, its.worker())).orElse(true);
      process.arm(descriptors.line());
      if (gate && !marked) {
        throw new IOException("process %d takes no mark".formatted(process.pid));
      }
      if (gate) {
        process.write(GO);
      }
      return process;
    } catch (Throwable e) {
      process.close(); // one that waits at the gate finds it closed, and ends
      throw e;
    }
  }

  /// @return whether it waits at the gate
  private boolean bear(List<String> command, Spawn.Descriptors descriptors) throws IOException {
    var gated = new ArrayList<>(List.of(SHELL, "-c", GATE, SHELL));
    gated.addAll(command);
    try {
      pid = Spawn.start(SHELL, gated, descriptors);
      boolean gate = pid != -Libc.ENOENT;
      if (!gate) { // no shell: it is marked as soon as it runs
        pid = Spawn.start(command.getFirst(), command, descriptors);
      }
      if (pid < 0) {
        throw new IOException(
            "%s cannot be started: %s".formatted(command.getFirst(), Libc.describe((int) -pid)));
      }
      return gate;
    } finally {
      born.countDown();
    }
  }

  /// Waits for its death in a thread: as long as nobody has, its number is nobody else's. Before it
  /// is born, since later there may be no thread to be had.
  private void collect() {
    Thread.ofPlatform().daemon().name("terrarium-child").start(this::awaitDeath);
  }

  // Whatever is thrown, for want of memory or by an interrupt of nobody who knows this thread:
  // whoever waits for this end must hear of it all the same.
  private void awaitDeath() {
    int[] status = new int[1];
    boolean collected = false;
    boolean over = false;
    while (!over) {
      try {
        born.await();
        if (pid > 0) {
          if (!collected) {
            exitValue = collected(status);
            collected = true;
          }
          cut();
          closeInput();
          ended.complete(this);
        }
        over = true;
      } catch (Throwable e) {
        LockSupport.parkNanos(PAUSE_NANOS);
      }
    }
  }

  private int collected(int[] status) {
    int result;
    do {
      result = Libc.waitpid(pid, status);
    } while (result == -Libc.EINTR);
    // Where SIGCHLD is ignored nobody can say how it ended.
    return result < 0 ? -1 : exitValue(status[0]);
  }

  private static int exitValue(int status) {
    int signal = status & 0x7F;
    return signal == 0 ? status >> 8 & 0xFF : SIGNALLED + signal;
  }

  /// `lifeline` is the very descriptor that the child has a copy of.
  private void arm(int lifeline) throws IOException {
    // INVARIANT: it leads its group. Otherwise this would aim at the JVM's own.
    int group = Libc.getpgid(pid);
    if (group == -Libc.ESRCH) {
      return; // it has ended already
    }
    if (group != pid) {
      throw new IOException("process %d does not lead its group (%d)".formatted(pid, group));
    }
    Libc.fcntl(lifeline, Libc.F_SETSIG, Signal.KILL.number());
    Libc.fcntl(lifeline, Libc.F_SETOWN, -pid);
    int flags = Libc.fcntl(lifeline, Libc.F_GETFL, 0);
    Libc.fcntl(lifeline, Libc.F_SETFL, flags | Libc.O_ASYNC);
  }

  /// Has the kernel kill its group, unless it has disarmed its end by closing it.
  public void cut() {
    close(line);
  }

  /// Reads its output until that is as wanted, or ends, or the time is up. To be used by one
  /// thread, which may be kept waiting.
  ///
  /// @param enough given all that has come
  /// @return all that has come; empty where the time is up
  public Optional<byte[]> read(Predicate<byte[]> enough, Duration longest) throws IOException {
    var all = new ByteArrayOutputStream();
    byte[] chunk = new byte[CHUNK_BYTES];
    long end = System.nanoTime() + longest.toNanos();
    while (true) {
      long left = TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime());
      if (left <= 0) {
        return Optional.empty();
      }
      if (!Libc.readable(output.get(), (int) Math.min(left, Integer.MAX_VALUE))) {
        continue;
      }
      int count = Libc.read(output.get(), chunk);
      if (count < 0 && count != -Libc.EINTR) {
        throw new IOException("its output cannot be read: " + Libc.describe(-count));
      }
      all.write(chunk, 0, Math.max(0, count));
      if (count == 0 || enough.test(all.toByteArray())) {
        return Optional.of(all.toByteArray());
      }
    }
  }

  // Not while it is being closed: its number may be somebody else's by then.
  private void write(byte[] bytes) throws IOException {
    synchronized (input) {
      byte[] rest = bytes;
      while (rest.length > 0) {
        int count = Libc.write(input.get(), rest);
        if (count < 0 && count != -Libc.EINTR) {
          throw new IOException("its standard input is closed: " + Libc.describe(-count));
        }
        rest = Arrays.copyOfRange(rest, Math.max(0, count), rest.length);
      }
    }
  }

  private void closeInput() {
    synchronized (input) {
      close(input);
    }
  }

  /// Closes what we have of it; its lifeline, too, which ends it.
  public void close() {
    cut();
    closeInput();
    close(output);
  }

  private static void close(AtomicInteger descriptor) {
    int open = descriptor.getAndSet(CLOSED);
    if (open != CLOSED) {
      Libc.close(open);
    }
  }

  // --- What every process has ---

  @Override
  public long pid() {
    return pid;
  }

  /// Its standard input.
  @Override
  public OutputStream getOutputStream() {
    return new OutputStream() {
      @Override
      public void write(int b) throws IOException {
        write(new byte[] {(byte) b}, 0, 1);
      }

      @Override
      public void write(byte[] bytes, int from, int count) throws IOException {
        MarkedProcess.this.write(Arrays.copyOfRange(bytes, from, from + count));
      }

      @Override
      public void close() {
        closeInput();
      }
    };
  }

  /// Nothing: [#read] reads its output.
  @Override
  public InputStream getInputStream() {
    return InputStream.nullInputStream();
  }

  /// Nothing: it goes where its output goes.
  @Override
  public InputStream getErrorStream() {
    return InputStream.nullInputStream();
  }

  @Override
  public CompletableFuture<Process> onExit() {
    return ended.copy();
  }

  @Override
  public boolean isAlive() {
    return !ended.isDone();
  }

  @Override
  public int waitFor() throws InterruptedException {
    try {
      ended.get();
      return exitValue;
    } catch (ExecutionException e) {
      throw new IllegalStateException(e);
    }
  }

  @Override
  public boolean waitFor(long timeout, TimeUnit unit) throws InterruptedException {
    try {
      ended.get(timeout, unit);
      return true;
    } catch (TimeoutException e) {
      return false;
    } catch (ExecutionException e) {
      throw new IllegalStateException(e);
    }
  }

  /// 128 and the signal's number where it died of one; -1 where nobody can say.
  @Override
  public int exitValue() {
    if (isAlive()) {
      throw new IllegalThreadStateException("it has not ended");
    }
    return exitValue;
  }

  /// Not here: [ProcessKiller] sends signals.
  @Override
  public void destroy() {
    throw new UnsupportedOperationException("ProcessKiller sends signals");
  }

  /// The descriptors of a start; all that is not kept is closed when it is over.
  private static final class Ends implements AutoCloseable {
    private final Set<Integer> open = new LinkedHashSet<>();

    int[] pipe() throws IOException {
      int[] both = new int[2];
      check(Libc.pipe(both));
      open.add(both[0]);
      open.add(both[1]);
      return both;
    }

    int open(Path log) throws IOException {
      int flags = Libc.O_WRONLY | Libc.O_APPEND | Libc.O_CREAT | Libc.O_CLOEXEC;
      return opened(Libc.open(log, flags, LOG_MODE));
    }

    /// The same under a number that is in nobody's way.
    int high(int descriptor) throws IOException {
      int copy = Libc.fcntl(descriptor, Libc.F_DUPFD_CLOEXEC, Spawn.SOURCE_MIN);
      if (copy == -Libc.EINVAL) { // the limit is below that number
        throw new IOException(
            "the limit of open files (RLIMIT_NOFILE) is too low: descriptors from %d on are needed; raise it (ulimit -n 65536, LimitNOFILE= in systemd)"
                .formatted(Spawn.SOURCE_MIN));
      }
      return opened(copy);
    }

    private int opened(int descriptor) throws IOException {
      open.add(check(descriptor));
      return descriptor;
    }

    private static int check(int result) throws IOException {
      if (result < 0) {
        throw ScarceException.of(-result, "a process cannot be started")
            .map(IOException.class::cast)
            .orElseGet(
                () -> new IOException("a process cannot be started: " + Libc.describe(-result)));
      }
      return result;
    }

    void keep(int... descriptors) {
      for (int descriptor : descriptors) {
        open.remove(descriptor);
      }
    }

    @Override
    public void close() {
      open.forEach(Libc::close);
    }
  }
}
