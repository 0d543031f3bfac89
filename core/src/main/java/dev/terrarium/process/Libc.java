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
  static final int O_NONBLOCK = 0x800;
  static final int LOCK_EX = 2;
  static final int LOCK_NB = 4;

  static final int MFD_CLOEXEC = 1;
  static final int MFD_ALLOW_SEALING = 2;
  static final int F_ADD_SEALS = 1033;
  static final int F_GET_SEALS = 1034;
  static final int F_SEAL_SHRINK = 2;

  private static final int SEEK_END = 2;
  private static final int PROT_READ = 1;
  private static final int MAP_SHARED = 1;

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

  private static final MethodHandle MEMFD_CREATE =
      handle("memfd_create", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT));
  private static final MethodHandle FCNTL =
      handle(
          "fcntl",
          FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG),
          Linker.Option.firstVariadicArg(2));
  private static final MethodHandle LSEEK =
      handle("lseek", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_INT));
  private static final MethodHandle MMAP =
      handle(
          "mmap",
          FunctionDescriptor.of(
              JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG));
  private static final MethodHandle MUNMAP =
      handle("munmap", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG));

  // Critical, so that the kernel copies from and to an array of the heap where it stands. The
  // garbage collector may have to wait for such a call: nobody asks for much at once.
  private static final FunctionDescriptor TRANSFER =
      FunctionDescriptor.of(JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle PREAD = handle("pread", TRANSFER, Linker.Option.critical(true));
  private static final MethodHandle PWRITE =
      handle("pwrite", TRANSFER, Linker.Option.critical(true));

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

  static int memfdCreate(String name, int flags) {
    try (var arena = Arena.ofConfined()) {
      MemorySegment text = arena.allocateFrom(name);
      return (int) call(state -> (int) MEMFD_CREATE.invokeExact(state, text, flags));
    }
  }

  static int fcntl(int descriptor, int command, long argument) {
    return (int) call(state -> (int) FCNTL.invokeExact(state, descriptor, command, argument));
  }

  /// How large a file is.
  static long size(int descriptor) {
    return call(state -> (long) LSEEK.invokeExact(state, descriptor, 0L, SEEK_END));
  }

  /// Reads into a segment of any kind; the garbage collector waits meanwhile.
  static long pread(int descriptor, MemorySegment into, long offset) {
    long bytes = into.byteSize();
    return call(state -> (long) PREAD.invokeExact(state, descriptor, into, bytes, offset));
  }

  /// Writes from a segment of any kind; the garbage collector waits meanwhile.
  static long pwrite(int descriptor, MemorySegment from, long offset) {
    long bytes = from.byteSize();
    return call(state -> (long) PWRITE.invokeExact(state, descriptor, from, bytes, offset));
  }

  /// Maps a file's beginning, for reading: an address.
  static long mmap(int descriptor, long bytes) {
    return call(
        state -> (long) MMAP.invokeExact(state, 0L, bytes, PROT_READ, MAP_SHARED, descriptor, 0L));
  }

  static void munmap(long address, long bytes) {
    call(state -> (int) MUNMAP.invokeExact(state, address, bytes));
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
