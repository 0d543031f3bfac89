package dev.terrarium.cli;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Objects;
import java.util.Properties;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// What this is.
@Command(name = "version", description = "Say which Terrarium this is, and which Java runs it.")
final class VersionCommand implements Callable<Integer> {
  private final Terminal terminal;

  @Mixin final HelpOption help = new HelpOption();

  @Option(names = "--json", description = "One JSON object.")
  private boolean json;

  VersionCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() {
    terminal.print(json ? Json.write(object()) : line());
    return ExitStatus.DONE;
  }

  private static Object object() {
    return Json.object(
        "version", version(),
        "java", System.getProperty("java.version"),
        "java_home", System.getProperty("java.home"));
  }

  private static String line() {
    return "terrarium %s (Java %s)".formatted(version(), System.getProperty("java.version"));
  }

  static String version() {
    Properties properties = new Properties();
    try (InputStream in = VersionCommand.class.getResourceAsStream("version.properties")) {
      properties.load(Objects.requireNonNull(in, "version.properties"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return properties.getProperty("version");
  }

  /// For `--version`.
  static final class Provider implements CommandLine.IVersionProvider {
    @Override
    public String[] getVersion() {
      return new String[] {line()};
    }
  }
}
