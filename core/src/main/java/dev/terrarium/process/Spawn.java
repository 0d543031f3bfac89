package dev.terrarium.process;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.io.File;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.Charset;
import java.util.List;
import java.util.Optional;
import java.util.function.IntConsumer;

/// `posix_spawn(3)`, for what the JDK's processes cannot have: a session of its own from the first
/// instruction on, and a descriptor besides the usual three.
@SuppressWarnings("restricted")
final class Spawn {
  /// The number of the lifeline in the child: the others' may be used by whoever writes scripts.
  static final int LINE = 64;

  /// What is to become a child's has numbers from here on: it is in nobody's way.
  static final int SOURCE_MIN = LINE + 1;

  // The same in glibc and musl.
  private static final int SETSIGMASK = 0x08;
  private static final int SETSID = 0x80;

  // Larger than any C library's posix_spawnattr_t, posix_spawn_file_actions_t and sigset_t.
  private static final int ATTRIBUTES_BYTES = 1024;
  private static final int SIGNALS_BYTES = 128;

  private static final MemorySegment SPAWN = Libc.function("posix_spawn");
  private static final MemorySegment INIT_ATTRIBUTES = Libc.function("posix_spawnattr_init");
  private static final MemorySegment SET_FLAGS = Libc.function("posix_spawnattr_setflags");
  private static final MemorySegment SET_MASK = Libc.function("posix_spawnattr_setsigmask");
  private static final MemorySegment END_ATTRIBUTES = Libc.function("posix_spawnattr_destroy");
  private static final MemorySegment INIT_ACTIONS = Libc.function("posix_spawn_file_actions_init");
  private static final MemorySegment ADD_DUP2 = Libc.function("posix_spawn_file_actions_adddup2");
  private static final MemorySegment ADD_CLOSE = Libc.function("posix_spawn_file_actions_addclose");
  private static final MemorySegment END_ACTIONS =
      Libc.function("posix_spawn_file_actions_destroy");
  private static final Optional<MemorySegment> ADD_CLOSE_FROM =
      Libc.find("posix_spawn_file_actions_addclosefrom_np");
  private static final MemorySegment ENVIRON = Libc.function("environ");

  private Spawn() {}

  /// What a child gets of our descriptors; each at least [#SOURCE_MIN].
  ///
  /// @param output standard output and standard error
  record Descriptors(int input, int output, int line) {}

  /// Starts a program in a session of its own, with the JVM's environment and directory. It gets
  /// these descriptors and no others, and signals as they are by default.
  ///
  /// @param executable a path
  /// @return the pid, or minus the error number
  static long start(String executable, List<String> command, Descriptors descriptors) {
    try (var arena = Arena.ofConfined()) {
      MemorySegment attributes = arena.allocate(ATTRIBUTES_BYTES, 16);
      MemorySegment actions = arena.allocate(ATTRIBUTES_BYTES, 16);
      call(INIT_ATTRIBUTES, attributes.address(), 0, 0);
      call(INIT_ACTIONS, actions.address(), 0, 0);
      try {
        call(SET_MASK, attributes.address(), arena.allocate(SIGNALS_BYTES, 16).address(), 0);
        call(SET_FLAGS, attributes.address(), SETSID | SETSIGMASK, 0);
        place(actions.address(), descriptors);
        MemorySegment pid = arena.allocate(JAVA_INT);
        int errno =
            Libc.integer(
                SPAWN,
                pid.address(),
                text(arena, executable).address(),
                actions.address(),
                attributes.address(),
                texts(arena, command).address(),
                environment());
        return errno == 0 ? pid.get(JAVA_INT, 0) : -errno;
      } finally {
        call(END_ATTRIBUTES, attributes.address(), 0, 0);
        call(END_ACTIONS, actions.address(), 0, 0);
      }
    }
  }

  private static void place(long actions, Descriptors descriptors) {
    call(ADD_DUP2, actions, descriptors.input(), 0);
    call(ADD_DUP2, actions, descriptors.output(), 1);
    call(ADD_DUP2, actions, descriptors.output(), 2);
    call(ADD_DUP2, actions, descriptors.line(), LINE);
    // Most of the JVM's descriptors are not close-on-exec. One that is not open is no error.
    IntConsumer close = descriptor -> call(ADD_CLOSE, actions, descriptor, 0);
    for (int descriptor = 3; descriptor < LINE; descriptor++) {
      close.accept(descriptor);
    }
    if (ADD_CLOSE_FROM.isPresent()) {
      call(ADD_CLOSE_FROM.get(), actions, SOURCE_MIN, 0);
    } else {
      openFrom(SOURCE_MIN, close);
    }
  }

  // C libraries before glibc 2.34, and musl.
  private static void openFrom(int first, IntConsumer action) {
    String[] names = new File("/proc/self/fd").list();
    for (String name : names == null ? new String[0] : names) {
      int descriptor = Integer.parseInt(name);
      if (descriptor >= first) {
        action.accept(descriptor);
      }
    }
  }

  // As C has it: bytes, whatever their encoding.
  private static long environment() {
    return ENVIRON.reinterpret(ADDRESS.byteSize()).get(ADDRESS, 0).address();
  }

  private static MemorySegment texts(Arena arena, List<String> texts) {
    MemorySegment array = arena.allocate(ADDRESS, texts.size() + 1L); // zero at the end
    for (int i = 0; i < texts.size(); i++) {
      array.setAtIndex(ADDRESS, i, text(arena, texts.get(i)));
    }
    return array;
  }

  // As the JDK passes arguments.
  private static MemorySegment text(Arena arena, String text) {
    byte[] bytes = text.getBytes(Charset.forName(System.getProperty("sun.jnu.encoding", "UTF-8")));
    MemorySegment copy = arena.allocate(bytes.length + 1L); // zero at the end
    return copy.copyFrom(MemorySegment.ofArray(bytes));
  }

  private static void call(MemorySegment function, long a, long b, long c) {
    int errno = Libc.integer(function, a, b, c, 0, 0, 0);
    if (errno != 0) {
      throw new IllegalStateException("a process cannot be described: error " + errno);
    }
  }
}
