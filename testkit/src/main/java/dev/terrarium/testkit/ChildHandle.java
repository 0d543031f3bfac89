package dev.terrarium.testkit;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.invoke.MethodHandle;
import java.util.function.BooleanSupplier;

/// A handle on a process of the tests through which signals reach it and nobody else.
@SuppressWarnings("restricted")
final class ChildHandle implements AutoCloseable {
  static final int SIGINT = 2;
  static final int SIGKILL = 9;
  static final int SIGTERM = 15;
  static final int SIGCONT = 18;
  static final int SIGSTOP = 19;

  private static final long PIDFD_SEND_SIGNAL = 424;
  private static final long PIDFD_OPEN = 434;

  private static final MethodHandle CLOSE = handle("close", JAVA_INT, JAVA_INT);
  private static final MethodHandle SYSCALL =
      handle("syscall", JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);

  private static final long NONE = -1;

  private final long descriptor;

  /// For a child that was started just now. One that has ended already gets no signals: its number
  /// may be a stranger's.
  ChildHandle(long pid) {
    this(pid, () -> isOurChild(pid));
  }

  /// For a process that was seen before. Where its number is another's by now, nobody gets signals.
  ChildHandle(Procs.Proc target) {
    this(target.pid(), () -> Procs.find(target.pid()).filter(target::is).isPresent());
  }

  /// The handle comes before the question: what it holds cannot change any more.
  private ChildHandle(long pid, BooleanSupplier isMeant) {
    long opened = syscall(PIDFD_OPEN, pid, 0);
    descriptor = isMeant.getAsBoolean() ? opened : NONE;
    if (descriptor != opened) {
      close(opened);
    }
  }

  private static boolean isOurChild(long pid) {
    return Procs.find(pid).filter(it -> it.parent() == ProcessHandle.current().pid()).isPresent();
  }

  /// Does nothing if it has ended.
  void send(int signal) {
    syscall(PIDFD_SEND_SIGNAL, descriptor, signal);
  }

  @Override
  public void close() {
    close(descriptor);
  }

  private static void close(long descriptor) {
    try {
      int _ = (int) CLOSE.invokeExact((int) descriptor);
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }

  private static long syscall(long number, long first, long second) {
    try {
      return (long) SYSCALL.invokeExact(number, first, second, 0L, 0L);
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }

  static MethodHandle handle(String name, MemoryLayout result, MemoryLayout... arguments) {
    Linker linker = Linker.nativeLinker();
    return linker.downcallHandle(
        linker.defaultLookup().findOrThrow(name), FunctionDescriptor.of(result, arguments));
  }
}
