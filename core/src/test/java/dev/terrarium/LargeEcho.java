package dev.terrarium;

import static java.util.Objects.requireNonNull;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;

/// A program that sends large values there and back, and says how they travelled: a side that lends
/// memory files keeps some for the next call.
final class LargeEcho {
  /// Whom the kernel is to shut off from others of the same user.
  enum Closed {
    NOBODY,
    JVM,
    WORKER
  }

  private static final int LARGE = 3 << 20;
  private static final int PR_SET_DUMPABLE = 4;

  private LargeEcho() {}

  static void main(String[] arguments) throws Throwable {
    Closed closed = Closed.valueOf(arguments[0]);
    if (closed == Closed.JVM) {
      shutOff();
    }
    String worker = closed == Closed.WORKER ? "on" : "";
    try (Pool pool = Memory.pool().environment("SHUT_OFF", worker).start()) {
      byte[] bytes = new byte[LARGE];
      new Random(1).nextBytes(bytes);
      boolean whole = true;
      for (int i = 0; i < 3; i++) {
        whole &= Arrays.equals(bytes, pool.tool("echo").args(bytes).call(byte[].class));
      }
      long theirs = requireNonNull(pool.call("files", Map.of(), Long.class));
      System.out.printf("whole: %s, restarts: %d%n", whole, pool.stats().restarts());
      System.out.printf("lent by JVM: %s, by worker: %s%n", Memory.files() > 0, theirs > 0);
    }
    System.out.printf("left: %d%n", Memory.files());
  }

  @SuppressWarnings("restricted")
  private static void shutOff() throws Throwable {
    var prctl = Linker.nativeLinker().defaultLookup().findOrThrow("prctl");
    var type =
        FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG);
    var call = Linker.nativeLinker().downcallHandle(prctl, type, Linker.Option.firstVariadicArg(1));
    int failed = (int) call.invokeExact(PR_SET_DUMPABLE, 0L);
    System.out.println("shut off: " + (failed == 0));
  }
}
