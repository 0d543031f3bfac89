package dev.terrarium.trials;

import java.util.List;

/// What a worker is doing when the end comes. How it gets there is in `adapters/tenant.py`.
enum State {
  IDLE("idle", "idle"),
  LOOP("loop", "Python loop"),
  SLEEP("sleep", "sleep"),
  GIL("gil", "interpreter's lock held in C"),
  REGEX("re", "stuck `re`"),
  STOPPED("stopped", "SIGSTOPped"),
  DEAF("deaf", "SIGTERM ignored"),
  IMPORT("import", "during import"),
  TRANSFER("transfer", "during a 16 MiB transfer"),
  SHUTDOWN("shutdown", "during shutdown");

  private final String key;
  private final String words;

  State(String key, String words) {
    this.key = key;
    this.words = words;
  }

  /// What the adapter calls it.
  String key() {
    return key;
  }

  /// For people.
  String words() {
    return words;
  }

  /// The ways in which a worker in this state can come to an end of its own. Who has no call that
  /// hangs misses no deadline; whose pool is not there yet, or is closing, cannot be closed.
  List<Fate> fates() {
    return switch (this) {
      case IDLE, TRANSFER -> List.of(Fate.CRASH, Fate.CLOSE);
      case IMPORT, SHUTDOWN -> List.of(Fate.CRASH, Fate.DEADLINE);
      case LOOP, SLEEP, GIL, REGEX, STOPPED, DEAF -> List.of(Fate.CRASH, Fate.DEADLINE, Fate.CLOSE);
    };
  }
}
