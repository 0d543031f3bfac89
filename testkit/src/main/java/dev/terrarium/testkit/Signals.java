package dev.terrarium.testkit;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.nio.charset.StandardCharsets.UTF_8;

import dev.terrarium.testkit.Procs.Proc;
import java.lang.invoke.MethodHandle;
import java.util.List;

/// Signals for processes that a test has seen before: each goes to that very process or to nobody.
/// And what becomes of those that this JVM gets.
public final class Signals {
  private static final MethodHandle SIGNAL =
      ChildHandle.handle("signal", JAVA_LONG, JAVA_INT, JAVA_LONG);
  private static final int SIGHUP = 1;
  private static final int SIGQUIT = 3;
  private static final long SIG_DFL = 0;

  private Signals() {}

  /// Has this JVM, and so all that it starts, ignore no signal that a shell makes it ignore:
  /// `nohup` does with SIGHUP, and a script that starts something with `&` does with SIGINT and
  /// SIGQUIT.
  public static void restoreDefaults() {
    for (int signal : List.of(SIGHUP, ChildHandle.SIGINT, SIGQUIT)) {
      if (isIgnored(signal)) {
        restoreDefault(signal);
      }
    }
  }

  private static boolean isIgnored(int signal) {
    return Procs.read(ProcessHandle.current().pid(), "status").stream()
        .flatMap(raw -> new String(raw, UTF_8).lines())
        .filter(line -> line.startsWith("SigIgn:"))
        .map(line -> Long.parseUnsignedLong(line.substring(7).strip(), 16))
        .anyMatch(mask -> (mask & (1L << (signal - 1))) != 0);
  }

  private static void restoreDefault(int signal) {
    try {
      long _ = (long) SIGNAL.invokeExact(signal, SIG_DFL);
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }

  /// SIGKILL.
  public static void kill(Proc target) {
    send(target, ChildHandle.SIGKILL);
  }

  /// SIGSTOP.
  public static void pause(Proc target) {
    send(target, ChildHandle.SIGSTOP);
  }

  /// SIGCONT.
  public static void resume(Proc target) {
    send(target, ChildHandle.SIGCONT);
  }

  private static void send(Proc target, int signal) {
    try (var handle = new ChildHandle(target)) {
      handle.send(signal);
    }
  }
}
