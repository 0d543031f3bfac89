package dev.terrarium.trials;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;

/// Asks whether a lock that was inherited by fork (`flock(2)`) is still held by anybody.
@SuppressWarnings("restricted")
final class Flocks {
  private static final int O_RDWR_CLOEXEC = 2 | 0_2000000;
  private static final int LOCK_EX_NB = 2 | 4;

  private static final MethodHandle OPEN =
      handle("open", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT));
  private static final MethodHandle FLOCK =
      handle("flock", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT));
  private static final MethodHandle CLOSE =
      handle("close", FunctionDescriptor.of(JAVA_INT, JAVA_INT));

  private Flocks() {}

  /// False also where there is no such file.
  static boolean held(Path file) {
    if (!Files.exists(file)) {
      return false;
    }
    try (Arena arena = Arena.ofConfined()) {
      int descriptor = (int) OPEN.invokeExact(arena.allocateFrom(file.toString()), O_RDWR_CLOEXEC);
      if (descriptor < 0) {
        throw new IllegalStateException(file + " cannot be opened");
      }
      boolean taken = (int) FLOCK.invokeExact(descriptor, LOCK_EX_NB) == 0;
      int _ = (int) CLOSE.invokeExact(descriptor);
      return !taken;
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }

  private static MethodHandle handle(String name, FunctionDescriptor function) {
    Linker linker = Linker.nativeLinker();
    return linker.downcallHandle(linker.defaultLookup().findOrThrow(name), function);
  }
}
