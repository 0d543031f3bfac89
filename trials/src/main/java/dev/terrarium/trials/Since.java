package dev.terrarium.trials;

/// From when the moment of a kill is counted.
enum Since {
  MAIN("the JVM's first line", Host.MAIN, 700),
  RUN("the start of its runtime", Host.RUN, 1_500),
  READY("all its workers in place", Host.READY, 200);

  private final String words;
  private final String line;
  private final int millisMax;

  Since(String words, String line, int millisMax) {
    this.words = words;
    this.line = line;
    this.millisMax = millisMax;
  }

  /// For people.
  String words() {
    return words;
  }

  /// What the line begins with that the host says then.
  String line() {
    return line;
  }

  int millisMax() {
    return millisMax;
  }
}
