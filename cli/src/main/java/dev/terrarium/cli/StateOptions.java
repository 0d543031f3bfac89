package dev.terrarium.cli;

import dev.terrarium.registry.StateDirectory;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// What all commands that look at a state directory have in common. They start no runtime, and make
/// nothing.
public final class StateOptions {
  @Mixin final HelpOption help = new HelpOption();

  @Option(
      names = "--home",
      paramLabel = "DIR",
      description =
          "The state directory. Default: $$TERRARIUM_HOME, else $$XDG_STATE_HOME/terrarium, else "
              + "~/.local/state/terrarium.")
  private @Nullable Path home;

  /// Where it is, or would be.
  public StateDirectory locate() {
    return home == null ? StateDirectory.locate() : StateDirectory.locate(home);
  }
}
