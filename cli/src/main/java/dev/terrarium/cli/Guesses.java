package dev.terrarium.cli;

import dev.terrarium.base.NearMiss;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;

/// What was meant by a word that nobody knows where it stands.
final class Guesses {
  private Guesses() {}

  /// A command of this one's, by its name or a near miss of it, or one of theirs: `kill` is
  /// `orphans kill`.
  static Optional<String> command(CommandLine above, String word) {
    Map<String, String> names = new LinkedHashMap<>();
    addCommands(names, above, "");
    return NearMiss.of(word, names.keySet()).map(names::get);
  }

  private static void addCommands(Map<String, String> names, CommandLine above, String path) {
    List<CommandLine> below = new ArrayList<>();
    above
        .getSubcommands()
        .forEach(
            (name, command) -> {
              if (!command.getCommandSpec().usageMessage().hidden()) {
                names.putIfAbsent(name, path + command.getCommandName());
                below.add(command);
              }
            });
    below.forEach(it -> addCommands(names, it, path + it.getCommandName() + " "));
  }

  /// An option of this command's. Dashes are no letters: who types `-json` means `--json`.
  static Optional<String> option(CommandLine command, String word) {
    Map<String, String> names = new LinkedHashMap<>();
    for (OptionSpec option : command.getCommandSpec().options()) {
      if (!option.hidden()) {
        names.putIfAbsent(bare(option.longestName()), option.longestName());
      }
    }
    return NearMiss.of(bare(word), names.keySet()).map(names::get);
  }

  private static String bare(String option) {
    return option.replaceFirst("^-+", "").replaceFirst("=.*", "");
  }
}
