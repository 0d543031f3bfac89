package dev.terrarium.trials;

/// What a worker has started. How is in `adapters/kin.py`.
enum Kin {
  NONE("none", "no child", 0, false),
  TREE("tree", "subprocess tree", 5, false),
  GROUP("group", "own-group child", 1, true),
  FORK("fork", "`multiprocessing` fork", 1, false),
  SPAWN("spawn", "`multiprocessing` spawn", 2, false),
  DAEMON("daemon", "`setsid` daemon", 1, true),
  SCRUBBED("scrubbed", "the same, empty environment, no descriptors", 1, true),
  DOUBLE_FORK("double-fork", "double fork", 1, true),
  CHAIN("chain", "fork chain without pause", 0, true);

  private final String key;
  private final String words;
  private final int processes;
  private final boolean detached;

  Kin(String key, String words, int processes, boolean detached) {
    this.key = key;
    this.words = words;
    this.processes = processes;
    this.detached = detached;
  }

  /// What the adapter calls it.
  String key() {
    return key;
  }

  /// For people.
  String words() {
    return words;
  }

  /// How many processes write themselves down; a chain has a lock instead.
  int processes() {
    return processes;
  }

  /// Whether it has left its worker's group, so that the kernel alone does not end it.
  boolean detached() {
    return detached;
  }
}
