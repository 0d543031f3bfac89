package dev.terrarium.cli;

import dev.terrarium.Config;
import dev.terrarium.Pool;
import dev.terrarium.PoolBuilder;
import dev.terrarium.Terrarium;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// What all commands that start workers have in common.
public final class WorkerOptions {
  @Mixin final HelpOption help = new HelpOption();

  @Option(
      names = "--python",
      paramLabel = "PYTHON",
      description =
          "The interpreter, a command or a path. Default: $$TERRARIUM_PYTHON, else python3.")
  private @Nullable String python;

  // Before anything logs: logback reads the levels when it starts.
  @Option(
      names = {"-v", "--verbose"},
      description = "Log what happens, and what workers print, to stderr.")
  void verbose(boolean verbose) {
    if (verbose) {
      System.setProperty("terrarium.log", "INFO");
      System.setProperty("terrarium.log.workers", "INFO");
    }
  }

  /// For commands of one call, which report the death of their only worker themselves: without this
  /// it would be told twice.
  void reportDeathsOnce() {
    if (System.getProperty("terrarium.log.workers") == null) {
      System.setProperty("terrarium.log.workers", "ERROR");
    }
  }

  /// A runtime that this command owns.
  public Terrarium start() {
    return Terrarium.start(config());
  }

  private Config config() {
    Config defaults = Config.defaults();
    return python == null ? defaults : defaults.withPython(python);
  }

  /// A pool of that runtime, to be completed.
  public PoolBuilder pool(Terrarium runtime, Path adapter, int size) {
    PoolBuilder builder = Pool.builder().runtime(runtime).adapter(adapter).size(size);
    return python == null ? builder : builder.python(python);
  }

  /// The same options for another command line.
  public List<String> arguments() {
    return python == null ? List.of() : List.of("--python", python);
  }

  /// Refuses early what was mistyped: before a runtime is started.
  static Path adapter(Path given) {
    if (!Files.exists(given)) {
      throw new UsageException("there is no adapter at " + given);
    }
    return given;
  }

  /// Refuses a number of workers that no pool can have.
  public static int size(int workers) {
    if (workers < 1 || workers > dev.terrarium.PoolConfig.SIZE_MAX) {
      throw new UsageException(
          "--workers must be 1 to %d, not %d"
              .formatted(dev.terrarium.PoolConfig.SIZE_MAX, workers));
    }
    return workers;
  }
}
