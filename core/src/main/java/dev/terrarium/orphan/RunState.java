package dev.terrarium.orphan;

import dev.terrarium.process.Birthmark;

/// What a run is, by its directory: the same for those who look and for those who end, since
/// [RunInspector] alone decides it.
public sealed interface RunState {
  /// For people: what shows it.
  String why();

  /// Whether its runtime is gone for sure, so that the next clean-up removes its directory, and
  /// ends what still bears its birthmark.
  default boolean isOver() {
    return switch (this) {
      case Dead _, OfAnotherBoot _, HalfRemoved _ -> true;
      case Live _, Foreign _, Unreadable _ -> false;
    };
  }

  /// Its lock is held, or its host lives. Nothing of it is touched.
  record Live(String why) implements RunState {}

  /// Its runtime is dead. What bears its birthmark is an orphan.
  record Dead(Birthmark mark, String why) implements RunState {}

  /// The machine was started anew since: nothing of it is alive, whoever it belonged to.
  record OfAnotherBoot(String why) implements RunState {}

  /// It was cleaned up, and the removal of its directory was cut short.
  record HalfRemoved(String why) implements RunState {}

  /// It belongs to another user or PID namespace: neither its pids nor its lock say anything here.
  /// Nothing of it is touched.
  record Foreign(String why) implements RunState {}

  /// Its directory says nothing, or nothing that can be believed. Nothing of it is touched.
  record Unreadable(String why) implements RunState {}
}
