package dev.terrarium.cli;

import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;

/// `--json`, before or after any command's name. One object for a whole command line: whoever is to
/// answer asks it.
public final class JsonOption {
  private boolean wanted;

  /// Once is enough: a command below does not take back what was said above it.
  @Option(
      names = "--json",
      scope = ScopeType.INHERIT,
      description =
          "Answer in JSON, an object a line. What goes wrong is told in words all the same.")
  void want(boolean said) {
    wanted |= said;
  }

  public boolean wanted() {
    return wanted;
  }
}
