package dev.terrarium.control;

/// What came of asking a host.
public sealed interface Reply {
  /// It said how it is.
  record Answered(HostStatus status) implements Reply {}

  /// It said nothing that could be used, which does not mean that it is dead.
  ///
  /// @param why for people
  record Silent(String why) implements Reply {}
}
