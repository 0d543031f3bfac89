package dev.terrarium.process;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.nio.file.Path;
import java.util.stream.Stream;

/// The native calls, all of them. Each returns what the kernel does: a result, or minus the error
/// number.
@SuppressWarnings("restricted")
final class Libc {
  static final int EPERM = 1;
  static final int ENOENT = 2;
  static final int ESRCH = 3;
  static final int EINTR = 4;
  static final int EAGAIN = 11;
  static final int EACCES = 13;
  static final int EINVAL = 22;

  static final int O_RDWR = 2;
  static final int O_CREAT = 0x40;
  static final int O_CLOEXEC = 0x80000;
  static final int LOCK_EX = 2;
  static final int LOCK_NB = 4;

  // The same numbers on every 64-bit architecture of Linux.
  private static final long SYS_PIDFD_SEND_SIGNAL = 424;
  private static final long SYS_PIDFD_OPEN = 434;
  private static final short POLLIN = 1;

  private static final StructLayout STATE = Linker.Option.captureStateLayout();
  private static final VarHandle ERRNO = STATE.varHandle(PathElement.groupElement("errno"));
  private static final Linker.Option CAPTURE = Linker.Option.captureCallState("errno");

  private static final MethodHandle OPEN =
      handle(
          "open",
          FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT),
          Linker.Option.firstVariadicArg(2));
  private static final MethodHandle CLOSE =
      handle("close", FunctionDescriptor.of(JAVA_INT, JAVA_INT));
  private static final MethodHandle FLOCK =
      handle("flock", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT));
  private static final MethodHandle POLL =
      handle("poll", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT));
  private static final MethodHandle SYSCALL =
      handle(
          "syscall",
          FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG),
          Linker.Option.firstVariadicArg(1));

  private Libc() {}

  static int open(Path path, int flags, int mode) {
    try (var arena = Arena.ofConfined()) {
      MemorySegment name = arena.allocateFrom(path.toString());
      return (int) call(state -> (int) OPEN.invokeExact(state, name, flags, mode));
    }
  }

  static int close(int descriptor) {
    return (int) call(state -> (int) CLOSE.invokeExact(state, descriptor));
  }

  static int flock(int descriptor, int operation) {
    return (int) call(state -> (int) FLOCK.invokeExact(state, descriptor, operation));
  }

  /// The descriptor is close-on-exec by itself.
  static int pidfdOpen(long pid) {
    return (int) call(state -> (long) SYSCALL.invokeExact(state, SYS_PIDFD_OPEN, pid, 0L, 0L, 0L));
  }

  static int pidfdSendSignal(int descriptor, int signal) {
    long fd = descriptor;
    long number = signal;
    return (int)
        call(state -> (long) SYSCALL.invokeExact(state, SYS_PIDFD_SEND_SIGNAL, fd, number, 0L, 0L));
  }

  /// Is there something to read, now? Of a pidfd: has the process ended, threads and all? Returns
  /// at once, so that a virtual thread never pins its carrier here.
  static boolean readable(int descriptor) {
    try (var arena = Arena.ofConfined()) {
      MemorySegment poll = arena.allocate(JAVA_LONG);
      poll.set(JAVA_INT, 0, descriptor);
      poll.set(JAVA_SHORT, 4, POLLIN);
      return call(state -> (int) POLL.invokeExact(state, poll, 1L, 0)) > 0;
    }
  }

  /// What people call an error number.
  static String describe(int errno) {
    return switch (errno) {
      case EPERM -> "not permitted (EPERM)";
      case EACCES -> "permission denied (EACCES)";
      case ENOENT -> "no such file (ENOENT)";
      case ESRCH -> "no such process (ESRCH)";
      default -> "error " + errno;
    };
  }

  @FunctionalInterface
  private interface Call {
    long with(MemorySegment state) throws Throwable;
  }

  private static long call(Call call) {
    try (var arena = Arena.ofConfined()) {
      MemorySegment state = arena.allocate(STATE);
      long result = call.with(state);
      return result < 0 ? -(int) ERRNO.get(state, 0L) : result;
    } catch (Throwable e) {
      throw new IllegalStateException("a native call could not be made", e);
    }
  }

  private static MethodHandle handle(String name, FunctionDescriptor type, Linker.Option... more) {
    Linker linker = Linker.nativeLinker();
    MemorySegment address = linker.defaultLookup().findOrThrow(name);
    Linker.Option[] options =
        Stream.concat(Stream.of(CAPTURE), Stream.of(more)).toArray(Linker.Option[]::new);
    return linker.downcallHandle(address, type, options);
  }
}
