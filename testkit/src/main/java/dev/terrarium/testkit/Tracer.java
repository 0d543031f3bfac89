package dev.terrarium.testkit;

import static org.awaitility.Awaitility.await;

import java.time.Duration;
import java.util.OptionalLong;

/// A process that traces another one, as a debugger does. When that one dies it stays a zombie
/// which its parent cannot collect, until this is closed.
public final class Tracer implements AutoCloseable {
  /// No option.
  private static final int UNTIL_DEAD = 0;

  /// `PTRACE_O_TRACEEXIT`.
  private static final int UNTIL_EXITING = 0x40;

  private static final String PROGRAM =
      """
      import ctypes, signal, sys
      ptrace = ctypes.CDLL(None).ptrace
      ptrace.restype = ctypes.c_long
      PTRACE_SEIZE = ctypes.c_long(0x4206)
      pid, options = ctypes.c_long(int(sys.argv[1])), ctypes.c_void_p(int(sys.argv[2]))
      if ptrace(PTRACE_SEIZE, pid, None, options) == 0:
          signal.pause()
      """;

  private final Child child;

  private Tracer(long pid, int options) {
    child = Child.start("python3", "-c", PROGRAM, Long.toString(pid), Integer.toString(options));
    await()
        .atMost(Duration.ofSeconds(30))
        .pollInterval(Duration.ofMillis(2))
        .until(() -> holds(pid) || !child.alive());
    if (!child.alive()) {
      throw new AssertionError("tracing is not allowed here (kernel.yama.ptrace_scope)");
    }
  }

  /// Lets it run, and holds its zombie.
  public static Tracer of(long pid) {
    return new Tracer(pid, UNTIL_DEAD);
  }

  /// Lets it run, and stops it on its way out, before it has given back anything.
  public static Tracer atExitOf(long pid) {
    return new Tracer(pid, UNTIL_EXITING);
  }

  private boolean holds(long pid) {
    return Procs.tracer(pid).equals(OptionalLong.of(child.pid()));
  }

  public long pid() {
    return child.pid();
  }

  /// Lets it go.
  @Override
  public void close() {
    child.close();
  }
}
