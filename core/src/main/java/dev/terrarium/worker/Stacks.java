package dev.terrarium.worker;

import dev.terrarium.process.ProcFs;
import dev.terrarium.process.ProcStat;
import java.time.Duration;
import java.util.Optional;

/// What Python was doing in a process that takes too long: the stacks of all its threads, or why
/// there are none to be had.
///
/// The warden asks for them by SIGWINCH, whose handler is C: it runs in the midst of native code,
/// and whoever holds the interpreter's lock.
///
/// @param text as Python says them; empty where it does not
/// @param whyNot for people, where there are none
record Stacks(String text, String whyNot) {
  /// How long they are waited for, beyond which the process is ended without.
  static final Duration WAIT = Duration.ofSeconds(1);

  /// What the warden was told by a process, or was not.
  ///
  /// @param pid 0 where there is none yet
  static Stacks of(String text, long pid) {
    return text.isBlank() ? new Stacks("", whyNot(pid)) : new Stacks(text.stripTrailing(), "");
  }

  private static String whyNot(long pid) {
    if (pid == 0) {
      return "there is no process yet";
    }
    Optional<ProcStat> stat = ProcFs.stat(pid).filter(it -> !it.dead());
    if (stat.isEmpty()) {
      return "the process is gone";
    }
    if (stat.get().stopped()) {
      return "the process is stopped, or held by a debugger (state %c)"
          .formatted(stat.get().state());
    }
    if (stat.get().state() == 'D') {
      return "the process waits in the kernel, for a disk or a network file system perhaps, and"
          + " hears no signal (state D)";
    }
    return "it did not answer to SIGWINCH: it has not come as far as Terrarium's code (a launcher,"
        + " sitecustomize, a .pth file), or it blocks that signal";
  }

  /// The end of a sentence that the stacks follow, if there are any.
  ///
  /// @param who such as `Python`
  String introduction(String who) {
    return text.isEmpty() ? "no stacks are to be had: " + whyNot : who + " was at:";
  }
}
