package dev.terrarium.cli;

import dev.terrarium.Ending;
import java.util.Optional;

/// What became of a process, in words.
///
/// @param reason why it is not dead, where it was to be
record Outcome(String word, Optional<String> reason) {
  /// Where nothing was tried.
  Outcome(String word) {
    this(word, Optional.empty());
  }

  static Outcome of(Ending ending) {
    return switch (ending) {
      case Ending.Dead(boolean forced) -> new Outcome(forced ? "killed" : "terminated");
      case Ending.Spared _ -> new Outcome("left", Optional.of("spared by the cleanup policy"));
      case Ending.Survived(String why) -> new Outcome("left", Optional.of(why));
    };
  }

  /// In one cell.
  String text() {
    return reason.map(why -> word + ": " + why).orElse(word);
  }
}
