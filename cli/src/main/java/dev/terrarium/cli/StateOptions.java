package dev.terrarium.cli;

import dev.terrarium.StartFailedException;
import dev.terrarium.process.Machine;
import dev.terrarium.registry.RegistryException;
import dev.terrarium.registry.StateDirectory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// What all commands that look at a state directory have in common. They start no runtime, and make
/// nothing.
public final class StateOptions {
  @Mixin final HelpOption help = new HelpOption();

  private @Nullable Path home;

  /// Also before a command's own subcommand, which takes nothing back.
  @Option(
      names = "--home",
      paramLabel = "DIR",
      description =
          "The state directory. Default: $$TERRARIUM_HOME, else $$XDG_STATE_HOME/terrarium, else "
              + "~/.local/state/terrarium.")
  void home(@Nullable Path directory) {
    if (directory != null) {
      home = directory;
    }
  }

  /// Where it is, or would be; for whoever reads it.
  ///
  /// @throws RegistryException if something else than a directory is there
  /// @throws StartFailedException if `/proc` shows others' processes
  StateDirectory readable() {
    Machine.requireOwnProc();
    StateDirectory state = locate();
    for (Path path : List.of(state.path(), state.runs())) {
      if (Files.exists(path) && !Files.isDirectory(path)) {
        throw new RegistryException(
            path,
            "cannot be listed",
            "set --home or TERRARIUM_HOME to a state directory",
            new IOException("it is no directory"));
      }
    }
    return state;
  }

  /// Where it is, or would be.
  public StateDirectory locate() {
    return home == null ? StateDirectory.locate() : StateDirectory.locate(home);
  }
}
