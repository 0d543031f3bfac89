package dev.terrarium.trials;

import dev.terrarium.testkit.Jvm;
import dev.terrarium.testkit.Procs.Proc;
import dev.terrarium.testkit.Signals;
import java.util.Optional;

/// Who is hit.
enum Blow {
  HOST("SIGKILL of the host"),
  HOST_THEN_WARDEN("SIGKILL of the host, then of its warden"),
  WARDEN_THEN_HOST("SIGKILL of the warden, then of its host"),
  WARDEN_STOPPED("SIGSTOP of the warden, SIGKILL of the host");

  private final String words;

  Blow(String words) {
    this.words = words;
  }

  /// For people.
  String words() {
    return words;
  }

  /// Whether nobody is there any more who could look after what left its group: the next start
  /// does.
  boolean leavesNobody() {
    return this == HOST_THEN_WARDEN || this == WARDEN_THEN_HOST;
  }

  /// Where there is no warden yet only the host can be hit.
  Blow with(Optional<Proc> warden) {
    return warden.isPresent() ? this : HOST;
  }

  void strike(Jvm host, Optional<Proc> warden) {
    switch (this) {
      case HOST -> host.kill();
      case HOST_THEN_WARDEN -> {
        host.kill();
        warden.ifPresent(Signals::kill);
      }
      case WARDEN_THEN_HOST -> {
        warden.ifPresent(Signals::kill);
        host.kill();
      }
      case WARDEN_STOPPED -> {
        warden.ifPresent(Signals::pause);
        host.kill();
      }
    }
  }
}
