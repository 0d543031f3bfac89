package dev.terrarium.trials;

import dev.terrarium.testkit.Jvm;
import dev.terrarium.testkit.Procs;
import java.nio.file.Path;
import java.util.List;

/// How a host comes to its end.
enum Ending {
  RETURN("normal exit", 0, true),
  EXIT("`System.exit`", 7, true),
  HALT("`Runtime.halt`", 8, false),
  UNCAUGHT("uncaught error in `main`", 1, true),
  SIGTERM("SIGTERM", 128 + 15, true),
  SIGINT("SIGINT", 128 + 2, true),
  SIGKILL("SIGKILL", 128 + 9, false),
  STOP_AND_KILL("SIGSTOP, then SIGKILL", 128 + 9, false),
  OUT_OF_MEMORY("`OutOfMemoryError`, `ExitOnOutOfMemoryError`", 3, false),
  CRASH("crash of the JVM", 1, false),

  /// The host lives; it is killed when that has been looked at.
  WORKER("only the worker ends", 128 + 9, false);

  /// Where a JVM that crashes says so.
  static final String CRASH_REPORT = "crash";

  private final String words;
  private final int status;
  private final boolean polite;

  Ending(String words, int status, boolean polite) {
    this.words = words;
    this.status = status;
    this.polite = polite;
  }

  /// For people.
  String words() {
    return words;
  }

  /// The exit status that proves that it was this ending, as Java tells it.
  int status() {
    return status;
  }

  /// Whether shutdown hooks run, so that workers are asked first.
  boolean polite() {
    return polite;
  }

  /// What the host's JVM needs for it.
  List<String> options(Path scratch) {
    return switch (this) {
      case OUT_OF_MEMORY -> List.of("-XX:+ExitOnOutOfMemoryError", "-Xmx256m");
      case CRASH ->
          List.of("-XX:-CreateCoredumpOnCrash", "-XX:ErrorFile=" + scratch.resolve(CRASH_REPORT));
      default -> List.of();
    };
  }

  /// Brings it about.
  ///
  /// @return when it began, in nanoseconds
  long bringAbout(Jvm host) {
    if (this == STOP_AND_KILL) {
      host.pause();
      Until.holds(() -> Procs.state(host.pid()).orElse('?') == 'T');
    }
    long begin = System.nanoTime();
    switch (this) {
      case RETURN, EXIT, HALT, UNCAUGHT, OUT_OF_MEMORY, CRASH -> host.say(Host.END);
      case SIGTERM -> host.terminate();
      case SIGINT -> host.interrupt();
      case SIGKILL, STOP_AND_KILL, WORKER -> host.kill();
    }
    return begin;
  }
}
