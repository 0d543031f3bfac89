package dev.terrarium;

/// What became of a process that was found and was to end.
public sealed interface Ending {
  /// It is proved dead.
  ///
  /// @param forced whether it was to get SIGKILL, at once or after the grace
  record Dead(boolean forced) implements Ending {}

  /// It is ours, and the cleanup policy keeps it: nothing was sent.
  record Spared() implements Ending {}

  /// It is not dead, though it was to be.
  ///
  /// @param why for people
  record Survived(String why) implements Ending {}
}
