package dev.terrarium;

import java.io.Serializable;
import java.util.List;

/// How a worker's process ended.
public sealed interface Exit extends Serializable {
  /// It ended by itself with a status: `sys.exit(3)` and `os._exit(3)` alike.
  record Status(int code) implements Exit {
    @Override
    public String describe() {
      return "exited with status " + code;
    }
  }

  /// A signal ended it.
  ///
  /// @param number such as 9
  record Signal(int number) implements Exit {
    // signal(7); the numbers are the same on all architectures that JDK 25 runs on under Linux.
    private static final List<String> NAMES =
        List.of(
            "?", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV",
            "USR2", "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN",
            "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS");

    /// Such as `SIGKILL`.
    public String name() {
      return number > 0 && number < NAMES.size() ? "SIG" + NAMES.get(number) : "signal " + number;
    }

    @Override
    public String describe() {
      return "killed by " + name();
    }
  }

  /// It is gone and nobody saw how: its warden died with it.
  record Unknown(String reason) implements Exit {
    @Override
    public String describe() {
      return reason;
    }
  }

  /// For people: `killed by SIGKILL`.
  String describe();
}
