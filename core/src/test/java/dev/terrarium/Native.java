package dev.terrarium;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.List;

/// What a library of the program's may do in native code, behind the JDK's back.
@SuppressWarnings("restricted")
final class Native {
  private static final int PR_SET_CHILD_SUBREAPER = 36;

  private static final MethodHandle SPAWN =
      function("posix_spawn", JAVA_INT, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS);
  private static final MethodHandle WAIT =
      function("waitpid", JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT);
  private static final MethodHandle PRCTL =
      function("prctl", JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);

  private Native() {}

  /// A child that inherits every descriptor that is not marked to be closed.
  static long spawn(String... command) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment pid = arena.allocate(JAVA_INT);
      MemorySegment none = MemorySegment.NULL;
      int result =
          (int)
              SPAWN.invokeExact(
                  pid,
                  arena.allocateFrom(command[0]),
                  none,
                  none,
                  pointers(arena, List.of(command)),
                  pointers(arena, List.of()));
      if (result != 0) {
        throw new IllegalStateException("posix_spawn: error " + result);
      }
      return pid.get(JAVA_INT, 0);
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }

  private static MemorySegment pointers(Arena arena, List<String> texts) {
    MemorySegment pointers = arena.allocate(ADDRESS, texts.size() + 1L);
    for (int i = 0; i < texts.size(); i++) {
      pointers.setAtIndex(ADDRESS, i, arena.allocateFrom(texts.get(i)));
    }
    return pointers;
  }

  /// The exit status of a child, as `waitpid` has it; waits for its end.
  static int collect(long pid) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment status = arena.allocate(JAVA_INT);
      int result = (int) WAIT.invokeExact((int) pid, status, 0);
      if (result != pid) {
        throw new IllegalStateException("waitpid(" + pid + "): " + result);
      }
      return status.get(JAVA_INT, 0);
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }

  /// From now on this process takes in the orphans below it, as number 1 of a container does.
  static void becomeSubreaper() {
    try {
      int result = (int) PRCTL.invokeExact(PR_SET_CHILD_SUBREAPER, 1L, 0L, 0L, 0L);
      if (result != 0) {
        throw new IllegalStateException("prctl: " + result);
      }
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }

  private static MethodHandle function(
      String name, MemoryLayout result, MemoryLayout... arguments) {
    Linker linker = Linker.nativeLinker();
    return linker.downcallHandle(
        linker.defaultLookup().findOrThrow(name), FunctionDescriptor.of(result, arguments));
  }
}
