package dev.terrarium.trials;

/// How a worker ends: with its host, or alone.
enum Fate {
  WITH_HOST("with its host"),
  CRASH("crash"),

  /// Of its call, of its start, or of the time in which it is to stop: then it is replaced.
  DEADLINE("deadline"),
  CLOSE("closed");

  private final String words;

  Fate(String words) {
    this.words = words;
  }

  /// For people.
  String words() {
    return words;
  }
}
