package dev.terrarium;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.testkit.Jvm;
import dev.terrarium.testkit.Procs;
import dev.terrarium.testkit.Procs.Proc;
import dev.terrarium.testkit.Signals;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// A JVM that can make no thread, while it still can start processes, when its warden dies: each
/// call has an outcome all the same, and the pool is whole when there are threads again.
@Timeout(180)
final class ThreadsGoneTest {
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  @TempDir private Path home;

  /// The start of the warden's successor waited for the death of a process that nothing ended.
  @Test
  void aPoolHealsWhenThreadsAreBackThatWereGoneWhenItsWardenDied() {
    List<String> options =
        List.of(
            "env", "JDK_JAVA_OPTIONS=-Xss64m -Xlog:os+thread=off"); // it would tell each refusal
    try (Jvm program =
        Jvm.behind(options, Program.class, Map.of("test.log", "WARN"), home.toString())) {
      program.awaitLine(line -> line.equals("ready: 2"), PATIENCE);
      Proc first = Endings.warden(program.pid());
      Signals.kill(first); // so that each class has been found
      Endings.soon().until(() -> !Endings.lives(first));
      program.say("it was killed");
      program.awaitLine(line -> line.equals("healed: 2"), PATIENCE);
      program.say("go on");
      assertThat(program.awaitLine(line -> line.startsWith("exhausted"), PATIENCE))
          .contains("unable to create native thread");
      killUntilNoSuccessorComesUp(program);
      program.say("enough");
      program.awaitLine(line -> line.equals("then: 2"), PATIENCE);
      assertThat(program.awaitLine(line -> line.startsWith("calls: "), PATIENCE))
          .isEqualTo("calls: 0 without an outcome, strange: null");
      assertThat(program.awaitLine(line -> line.startsWith("closed: "), PATIENCE))
          .isEqualTo("closed: CloseReport[killed=0, left=0]");
      assertThat(program.awaitExit()).as(() -> String.join("\n", program.lines())).isZero();
    }
    assertThat(Endings.runs(home)).isEmpty();
  }

  /// A successor may find the room that the dead one's thread has left.
  private static void killUntilNoSuccessorComesUp(Jvm program) {
    do {
      Proc warden = Endings.warden(program.pid());
      Signals.kill(warden);
      Endings.soon()
          .atMost(PATIENCE)
          .until(
              () ->
                  startsFail(program) || wardens(program).stream().anyMatch(it -> !it.is(warden)));
    } while (!startsFail(program));
  }

  private static boolean startsFail(Jvm program) {
    return program.lines().stream().anyMatch(line -> line.contains("(2 in a row)"));
  }

  private static List<Proc> wardens(Jvm program) {
    return Procs.descendants(program.pid()).stream()
        .filter(it -> it.parent() == program.pid() && Procs.mark(it.pid()).isPresent())
        .toList();
  }

  /// Runs out of threads while it makes calls.
  static final class Program {
    private static final int CALLERS = 4;
    private static final long SPACE_LEFT =
        256L << 20; // a few stacks of the size that the test sets

    private final BufferedReader input =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    private final AtomicInteger open = new AtomicInteger();
    private final AtomicReference<@Nullable Throwable> strange = new AtomicReference<>();
    private final Pool pool;
    private volatile boolean over;

    private Program(Pool pool) {
      this.pool = pool;
    }

    public static void main(String[] arguments) throws Exception {
      Terrarium runtime = Endings.runtime(Path.of(arguments[0]));
      new Program(Endings.pool(runtime).size(2).start()).run();
      runtime.close();
      System.out.println("closed: " + runtime.closeReport().orElseThrow());
    }

    private void run() throws Exception {
      System.out.println("ready: " + awaitAnswer());
      input.readLine();
      System.out.println("healed: " + awaitAnswer());
      input.readLine();
      List<Thread> callers = new ArrayList<>();
      for (int i = 0; i < CALLERS; i++) {
        boolean waits = i % 2 == 0;
        callers.add(Thread.ofPlatform().daemon().start(() -> call(waits)));
      }
      limitSpace(Long.toString(address() + SPACE_LEFT));
      try (var _ = new Eater()) {
        input.readLine();
      }
      limitSpace("unlimited");
      System.out.println("then: " + awaitAnswer());
      over = true;
      for (Thread caller : callers) {
        caller.join(Duration.ofSeconds(30));
      }
      System.out.println("calls: " + open + " without an outcome, strange: " + strange);
    }

    /// A call may fail while there is no worker; it must not hang, and one must succeed in the end.
    private int awaitAnswer() {
      while (true) {
        try {
          return requireNonNull(echo().call(Integer.class));
        } catch (TerrariumException e) {
          System.out.println("not yet: " + e);
        }
      }
    }

    private ToolCall echo() {
      return pool.tool("echo").args(2).deadline(Duration.ofSeconds(5));
    }

    private void call(boolean waits) {
      while (!over) {
        open.incrementAndGet();
        try {
          Object _ =
              waits
                  ? echo().call(Integer.class)
                  : echo().callAsync(Integer.class).get(20, TimeUnit.SECONDS);
        } catch (Throwable e) {
          note(e instanceof ExecutionException ? e.getCause() : e);
        }
        open.decrementAndGet();
        LockSupport.parkNanos(1_000_000);
      }
    }

    /// Whoever calls may have no memory himself, or no thread.
    private void note(@Nullable Throwable error) {
      if (!(error instanceof TerrariumException || error instanceof OutOfMemoryError)) {
        strange.compareAndSet(null, error);
      }
    }

    private static long address() throws IOException {
      try (var lines = Files.lines(Path.of("/proc/self/status"))) {
        String size = lines.filter(line -> line.startsWith("VmSize:")).findFirst().orElseThrow();
        return Long.parseLong(size.replaceAll("\\D", "")) * 1024;
      }
    }

    private static void limitSpace(String bytes) throws Exception {
      String pid = String.valueOf(ProcessHandle.current().pid());
      int status =
          new ProcessBuilder("prlimit", "--pid=" + pid, "--as=" + bytes + ":")
              .inheritIO()
              .start()
              .waitFor();
      if (status != 0) {
        throw new IllegalStateException("prlimit ended with " + status);
      }
    }
  }

  /// Takes the room of whatever thread ends, until it is closed. Threads of the usual size need
  /// more address space than is left; what is smaller finds room.
  private static final class Eater implements AutoCloseable {
    private final CountDownLatch end = new CountDownLatch(1);
    private final CountDownLatch full = new CountDownLatch(1);
    private final List<Thread> eaten = new ArrayList<>();
    private final Thread thread = Thread.ofPlatform().daemon().start(this::eat);

    Eater() throws InterruptedException {
      full.await();
    }

    private void eat() {
      while (end.getCount() > 0) {
        try {
          eaten.add(Thread.ofPlatform().daemon().start(this::stay));
        } catch (OutOfMemoryError e) {
          if (full.getCount() > 0) {
            System.out.println("exhausted: " + e.getMessage());
            full.countDown();
          }
          Thread.onSpinWait();
        }
      }
    }

    private void stay() {
      try {
        end.await();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }

    @Override
    public void close() {
      end.countDown();
      try {
        thread.join();
        for (Thread each : eaten) {
          each.join();
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
