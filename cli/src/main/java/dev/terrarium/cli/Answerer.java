package dev.terrarium.cli;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.invoke.MethodHandle;

/// Who is there to answer a question: asked on stderr, answered on stdin.
enum Answerer {
  /// Somebody at a terminal, who sees the question.
  PERSON,
  /// Whatever standard input is, such as a pipe or a file.
  INPUT,
  /// Standard input is a terminal, but the question goes elsewhere: whoever sits there would be
  /// waited for without knowing it.
  NOBODY;

  private static final int STDIN = 0;
  private static final int STDERR = 2;

  /// By the process's own streams.
  static Answerer ofProcess() {
    if (!isTerminal(STDIN)) {
      return INPUT;
    }
    return isTerminal(STDERR) ? PERSON : NOBODY;
  }

  private static final class Talk {
    static final boolean IS_SEEN = isTerminal(STDERR);
  }

  /// Whether what is said is seen on a terminal.
  static boolean seesTheTalk() {
    return Talk.IS_SEEN;
  }

  /// The JVM's console says only whether stdin and stdout both are.
  @SuppressWarnings("restricted")
  private static boolean isTerminal(int descriptor) {
    Linker linker = Linker.nativeLinker();
    MethodHandle isatty =
        linker.downcallHandle(
            linker.defaultLookup().findOrThrow("isatty"),
            FunctionDescriptor.of(JAVA_INT, JAVA_INT));
    try {
      return (int) isatty.invokeExact(descriptor) == 1;
    } catch (Throwable e) {
      throw new IllegalStateException("isatty could not be called", e);
    }
  }
}
