package dev.terrarium.testkit;

import dev.terrarium.testkit.Procs.Proc;

/// Signals for processes that a test has seen before: each goes to that very process or to nobody.
public final class Signals {
  private Signals() {}

  /// SIGKILL.
  public static void kill(Proc target) {
    send(target, ChildHandle.SIGKILL);
  }

  /// SIGSTOP.
  public static void pause(Proc target) {
    send(target, ChildHandle.SIGSTOP);
  }

  /// SIGCONT.
  public static void resume(Proc target) {
    send(target, ChildHandle.SIGCONT);
  }

  private static void send(Proc target, int signal) {
    try (var handle = new ChildHandle(target)) {
      handle.send(signal);
    }
  }
}
