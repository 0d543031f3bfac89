package dev.terrarium.process;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.util.Optional;

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
  static final int ENOMEM = 12;
  static final int ENOTDIR = 20;
  static final int EISDIR = 21;
  static final int EINVAL = 22;
  static final int ENFILE = 23;
  static final int EMFILE = 24;
  static final int EROFS = 30;
  static final int ELOOP = 40;

  static final int O_RDWR = 2;
  static final int O_CREAT = 0x40;
  static final int O_CLOEXEC = 0x80000;
  static final int O_NONBLOCK = 0x800;
  static final int O_WRONLY = 1;
  static final int O_APPEND = 0x400;
  static final int O_ASYNC = 0x2000;
  static final int O_RDONLY = 0;
  static final int LOCK_SH = 1;
  static final int LOCK_EX = 2;
  static final int LOCK_NB = 4;

  static final int RLIMIT_RTTIME = 15;

  static final int MFD_CLOEXEC = 1;
  static final int MFD_ALLOW_SEALING = 2;
  static final int F_GETFD = 1;
  static final int F_SETFD = 2;
  static final int F_GETFL = 3;
  static final int F_SETFL = 4;
  static final int F_SETOWN = 8;
  static final int F_SETSIG = 10;
  static final int F_DUPFD_CLOEXEC = 1030;
  static final int FD_CLOEXEC = 1;
  static final int F_ADD_SEALS = 1033;
  static final int F_GET_SEALS = 1034;
  static final int F_SEAL_SHRINK = 2;

  private static final int WNOHANG = 1;
  private static final short AF_UNIX = 1;
  private static final long SUN_PATH = 2;
  private static final long SOCKADDR_UN_BYTES = 112; // 110, and a 0 behind a path that fills it
  private static final int SEEK_END = 2;
  private static final int PROT_READ = 1;
  private static final int PROT_WRITE = 2;
  private static final int MAP_SHARED = 1;
  private static final int MAP_POPULATE = 0x8000;

  // The same numbers on every 64-bit architecture of Linux.
  private static final long SYS_PIDFD_SEND_SIGNAL = 424;
  private static final long SYS_PIDFD_OPEN = 434;
  private static final long PR_GET_CHILD_SUBREAPER = 37;
  private static final short POLLIN = 1;

  private static final Linker LINKER = Linker.nativeLinker();
  private static final Linker.Option CAPTURE = Linker.Option.captureCallState("errno");
  private static final MemoryLayout STATE = Linker.Option.captureStateLayout();
  private static final long ERRNO = STATE.byteOffset(PathElement.groupElement("errno"));

  // One shape for all: up to six integers and pointers travel in 64-bit registers (System V ABI for
  // x86-64, 3.2.3; AAPCS64, 6.8.2), of which a function looks at as many bits as its parameter has;
  // of an `int` that comes back only the lower half means anything. The first use of each further
  // shape costs a fresh JVM ten milliseconds.
  private static final MethodHandle FUNCTION =
      LINKER.downcallHandle(
          FunctionDescriptor.of(
              JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG),
          CAPTURE);

  private static final MemorySegment OPEN = function("open");
  private static final MemorySegment CLOSE = function("close");
  private static final MemorySegment FLOCK = function("flock");
  private static final MemorySegment POLL = function("poll");
  private static final MemorySegment SYSCALL = function("syscall");
  private static final MemorySegment GETPAGESIZE = function("getpagesize");
  private static final MemorySegment GETPGID = function("getpgid");
  private static final MemorySegment WAITPID = function("waitpid");
  private static final MemorySegment PRCTL = function("prctl");
  private static final MemorySegment PRLIMIT = function("prlimit");
  private static final MemorySegment MEMFD_CREATE = function("memfd_create");
  private static final MemorySegment FCNTL = function("fcntl");
  private static final MemorySegment GETSOCKNAME = function("getsockname");
  private static final MemorySegment LSEEK = function("lseek");
  private static final MemorySegment MMAP = function("mmap");
  private static final MemorySegment MUNMAP = function("munmap");
  private static final MemorySegment PIPE = function("pipe2");
  private static final MemorySegment READ = function("read");
  private static final MemorySegment WRITE = function("write");

  /// Where the error number goes of calls whose result nobody looks at.
  private static final MemorySegment UNREAD = Arena.global().allocate(STATE);

  /// Not before it is needed, for the same reason.
  private static final class Transfer {
    // Critical, so that the kernel copies from and to an array of the heap where it stands. The
    // garbage collector may have to wait for such a call: nobody asks for much at once.
    private static final MethodHandle FUNCTION =
        LINKER.downcallHandle(
            FunctionDescriptor.of(JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG, JAVA_LONG),
            CAPTURE,
            Linker.Option.critical(true));

    private static final MemorySegment PREAD = function("pread");
    private static final MemorySegment PWRITE = function("pwrite");
  }

  private Libc() {}

  static int open(Path path, int flags, int mode) {
    try (var arena = Arena.ofConfined()) {
      return integer(OPEN, arena.allocateFrom(path.toString()).address(), flags, mode);
    }
  }

  /// Takes no memory, so that nothing can keep a descriptor from being given up.
  static void close(int descriptor) {
    try {
      long _ = (long) FUNCTION.invokeExact(CLOSE, UNREAD, (long) descriptor, 0L, 0L, 0L, 0L, 0L);
    } catch (Throwable failure) {
      throw failure(failure);
    }
  }

  static int flock(int descriptor, int operation) {
    return integer(FLOCK, descriptor, operation, 0);
  }

  /// The descriptor is close-on-exec by itself.
  static int pidfdOpen(long pid) {
    return (int) call(SYSCALL, SYS_PIDFD_OPEN, pid, 0, 0, 0, 0);
  }

  static int pidfdSendSignal(int descriptor, int signal) {
    return (int) call(SYSCALL, SYS_PIDFD_SEND_SIGNAL, descriptor, signal, 0, 0, 0);
  }

  /// Takes the exit status of a child that is dead, so that nothing is left of it. Does not wait.
  ///
  /// @return its number, 0 where it is alive, or minus the error number
  static int collect(long pid) {
    return integer(WAITPID, pid, 0, WNOHANG);
  }

  /// Is there something to read, now? Of a pidfd: has the process ended, threads and all? Returns
  /// at once, so that a virtual thread never pins its carrier here.
  static boolean readable(int descriptor) {
    return readable(descriptor, 0);
  }

  /// Waits for that, on a thread that may be kept waiting; false after `millis`, or a signal.
  static boolean readable(int descriptor, int millis) {
    try (var arena = Arena.ofConfined()) {
      MemorySegment poll = arena.allocate(JAVA_LONG);
      poll.set(JAVA_INT, 0, descriptor);
      poll.set(JAVA_SHORT, 4, POLLIN);
      return integer(POLL, poll.address(), 1, millis) > 0;
    }
  }

  /// A pipe, close-on-exec: the reading end, then the writing end.
  ///
  /// @return 0, or minus the error number
  static int pipe(int[] ends) {
    try (var arena = Arena.ofConfined()) {
      MemorySegment both = arena.allocate(JAVA_INT, 2);
      int result = integer(PIPE, both.address(), O_CLOEXEC, 0);
      MemorySegment.copy(both, JAVA_INT, 0, ends, 0, 2);
      return result;
    }
  }

  /// Reads what there is, and waits where there is nothing; 0 at the end.
  static int read(int descriptor, byte[] into) {
    try (var arena = Arena.ofConfined()) {
      MemorySegment bytes = arena.allocate(into.length);
      int count = (int) call(READ, descriptor, bytes.address(), into.length, 0, 0, 0);
      MemorySegment.copy(bytes, JAVA_BYTE, 0, into, 0, Math.max(0, count));
      return count;
    }
  }

  static int write(int descriptor, byte[] bytes) {
    try (var arena = Arena.ofConfined()) {
      MemorySegment copy = arena.allocateFrom(JAVA_BYTE, bytes);
      return (int) call(WRITE, descriptor, copy.address(), bytes.length, 0, 0, 0);
    }
  }

  /// The process group of a process, or minus the error number.
  static int getpgid(long pid) {
    return integer(GETPGID, pid, 0, 0);
  }

  /// Waits for a child's death and collects it.
  ///
  /// @param status an array of one
  /// @return the child, or minus the error number
  static int waitpid(long pid, int[] status) {
    try (var arena = Arena.ofConfined()) {
      MemorySegment word = arena.allocate(JAVA_INT);
      int result = integer(WAITPID, pid, word.address(), 0);
      status[0] = word.get(JAVA_INT, 0);
      return result;
    }
  }

  /// Whether this process is a subreaper: 1 or 0, or minus the error number.
  static int childSubreaper() {
    try (var arena = Arena.ofConfined()) {
      MemorySegment answer = arena.allocate(JAVA_LONG);
      int result = (int) call(PRCTL, PR_GET_CHILD_SUBREAPER, answer.address(), 0, 0, 0, 0);
      return result < 0 ? result : answer.get(JAVA_INT, 0);
    }
  }

  /// A process's soft and hard limit, into an array of two; 2^64 - 1 is unlimited.
  ///
  /// @return 0, or minus the error number
  static int limit(long pid, int resource, long[] softAndHard) {
    try (var arena = Arena.ofConfined()) {
      MemorySegment limit = arena.allocate(JAVA_LONG, 2);
      int result = (int) call(PRLIMIT, pid, resource, 0, limit.address(), 0, 0);
      MemorySegment.copy(limit, JAVA_LONG, 0, softAndHard, 0, 2);
      return result;
    }
  }

  /// Gives a process other limits.
  ///
  /// @return 0, or minus the error number
  static int setLimit(long pid, int resource, long soft, long hard) {
    try (var arena = Arena.ofConfined()) {
      MemorySegment limit = arena.allocateFrom(JAVA_LONG, soft, hard);
      return (int) call(PRLIMIT, pid, resource, limit.address(), 0, 0, 0);
    }
  }

  static int pageSize() {
    return integer(GETPAGESIZE, 0, 0, 0);
  }

  static int memfdCreate(String name, int flags) {
    try (var arena = Arena.ofConfined()) {
      return integer(MEMFD_CREATE, arena.allocateFrom(name).address(), flags, 0);
    }
  }

  static int fcntl(int descriptor, int command, long argument) {
    return integer(FCNTL, descriptor, command, argument);
  }

  /// The path that a Unix socket is bound to; empty where there is none, or it is no such socket.
  static String socketName(int descriptor) {
    try (var arena = Arena.ofConfined()) {
      MemorySegment address = arena.allocate(SOCKADDR_UN_BYTES);
      MemorySegment length = arena.allocate(JAVA_INT);
      length.set(JAVA_INT, 0, (int) address.byteSize() - 1); // the last byte stays 0
      int result = integer(GETSOCKNAME, descriptor, address.address(), length.address());
      return result == 0 && address.get(JAVA_SHORT, 0) == AF_UNIX
          ? address.getString(SUN_PATH)
          : "";
    }
  }

  /// How large a file is.
  static long size(int descriptor) {
    return call(LSEEK, descriptor, 0, SEEK_END, 0, 0, 0);
  }

  /// Reads into a segment of any kind; the garbage collector waits meanwhile.
  static long pread(int descriptor, MemorySegment into, long offset) {
    return transfer(Transfer.PREAD, descriptor, into, offset);
  }

  /// Writes from a segment of any kind; the garbage collector waits meanwhile.
  static long pwrite(int descriptor, MemorySegment from, long offset) {
    return transfer(Transfer.PWRITE, descriptor, from, offset);
  }

  /// Maps a file's beginning, for reading: an address.
  static long mmap(int descriptor, long bytes) {
    return call(MMAP, 0, bytes, PROT_READ, MAP_SHARED, descriptor, 0);
  }

  /// Maps a file's beginning, for writing, with all pages that it has: an address.
  static long mmapWritable(int descriptor, long bytes) {
    return call(MMAP, 0, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, descriptor, 0);
  }

  static void munmap(long address, long bytes) {
    integer(MUNMAP, address, bytes, 0);
  }

  /// What people call an error number.
  static String describe(int errno) {
    return switch (errno) {
      case EPERM -> "not permitted (EPERM)";
      case EACCES -> "permission denied (EACCES)";
      case ENOENT -> "no such file (ENOENT)";
      case ESRCH -> "no such process (ESRCH)";
      case ENOTDIR -> "not a directory (ENOTDIR)";
      case EISDIR -> "is a directory (EISDIR)";
      case ENFILE, EMFILE -> "too many open files";
      case EROFS -> "read-only file system (EROFS)";
      case ELOOP -> "too many symbolic links (ELOOP)";
      default -> "error " + errno;
    };
  }

  /// A function that returns an `int`.
  private static int integer(MemorySegment function, long a, long b, long c) {
    return integer(function, a, b, c, 0, 0, 0);
  }

  /// The same, for those with more parameters.
  static int integer(MemorySegment function, long a, long b, long c, long d, long e, long f) {
    try (var arena = Arena.ofConfined()) {
      MemorySegment state = arena.allocate(STATE);
      int result = (int) (long) FUNCTION.invokeExact(function, state, a, b, c, d, e, f);
      return result < 0 ? -state.get(JAVA_INT, ERRNO) : result;
    } catch (Throwable failure) {
      throw failure(failure);
    }
  }

  /// A function that returns a `long` or an address.
  private static long call(MemorySegment function, long a, long b, long c, long d, long e, long f) {
    try (var arena = Arena.ofConfined()) {
      MemorySegment state = arena.allocate(STATE);
      long result = (long) FUNCTION.invokeExact(function, state, a, b, c, d, e, f);
      return result < 0 ? -state.get(JAVA_INT, ERRNO) : result;
    } catch (Throwable failure) {
      throw failure(failure);
    }
  }

  private static long transfer(
      MemorySegment function, int descriptor, MemorySegment bytes, long offset) {
    try (var arena = Arena.ofConfined()) {
      MemorySegment state = arena.allocate(STATE);
      long result =
          (long)
              Transfer.FUNCTION.invokeExact(
                  function, state, descriptor, bytes, bytes.byteSize(), offset);
      return result < 0 ? -state.get(JAVA_INT, ERRNO) : result;
    } catch (Throwable failure) {
      throw failure(failure);
    }
  }

  // As it is: that a segment is closed, or another thread's, or that there is no memory, which
  // whoever has to go on all the same would not know by another name.
  private static RuntimeException failure(Throwable failure) {
    if (failure instanceof Error e) {
      throw e;
    }
    return failure instanceof RuntimeException e
        ? e
        : new IllegalStateException("a native call could not be made", failure);
  }

  static Optional<MemorySegment> find(String name) {
    return LINKER.defaultLookup().find(name);
  }

  static MemorySegment function(String name) {
    return LINKER.defaultLookup().findOrThrow(name);
  }
}
