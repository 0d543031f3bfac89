package dev.terrarium.cli.doctor;

import dev.terrarium.StartFailedException;
import dev.terrarium.warden.Interpreter;
import java.time.Duration;

/// The interpreter that runs the warden and, unless a pool names another one, its workers.
final class PythonCheck {
  private static final Duration SLOW = Duration.ofSeconds(1);

  private PythonCheck() {}

  /// @param command as the user names it
  static Finding of(String command) {
    long begin = System.nanoTime();
    try {
      Interpreter python = Interpreter.resolve(command);
      Duration took = Duration.ofNanos(System.nanoTime() - begin);
      String detail =
          "%s: Python %s at %s, answered in %d ms"
              .formatted(command, python.version(), python.executable(), took.toMillis());
      return took.compareTo(SLOW) < 0
          ? Finding.ok("python", detail)
          : Finding.warn(
              "python",
              detail,
              "once a JVM; where the command is a version manager's, name the interpreter itself:"
                  + " TERRARIUM_PYTHON="
                  + python.executable());
    } catch (StartFailedException e) {
      return Finding.fail(
          "python",
          "%s cannot be used (%s)".formatted(command, e.reason()),
          String.valueOf(e.getMessage()));
    }
  }
}
