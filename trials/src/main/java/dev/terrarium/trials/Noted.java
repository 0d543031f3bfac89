package dev.terrarium.trials;

import dev.terrarium.testkit.Procs;
import dev.terrarium.testkit.Procs.Proc;
import java.util.Optional;

/// A process that wrote itself down: the pid alone could be somebody else's by now.
///
/// @param what `worker`, or the key of its [Kin]
record Noted(long pid, long ticks, String what) {
  static Noted parse(String line) {
    String[] words = line.split(" ", -1);
    return new Noted(Long.parseLong(words[0]), Long.parseLong(words[1]), words[2]);
  }

  /// Empty where it is dead.
  Optional<Proc> process() {
    return Procs.find(pid).filter(it -> it.startTicks() == ticks && it.alive());
  }

  boolean alive() {
    return process().isPresent();
  }

  boolean is(Proc process) {
    return process.pid() == pid && process.startTicks() == ticks;
  }

  boolean isWorker() {
    return what.equals("worker");
  }

  /// Whether the kernel alone may leave it alive, where host and warden die in the same instant.
  boolean detached() {
    for (Kin kin : Kin.values()) {
      if (kin.key().equals(what)) {
        return kin.detached();
      }
    }
    return false;
  }
}
