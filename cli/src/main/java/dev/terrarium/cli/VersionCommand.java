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

/// What this is.
@Command(name = "version", description = "Say which Terrarium this is, and which Java runs it.")
final class VersionCommand implements Callable<Integer> {
  private final Terminal terminal;
  private final JsonOption json;

  @Mixin final HelpOption help = new HelpOption();

  VersionCommand(Terminal terminal, JsonOption json) {
    this.terminal = terminal;
    this.json = json;
  }

  @Override
  public Integer call() {
    terminal.print(answer(json));
    return ExitStatus.DONE;
  }

  private static String answer(JsonOption json) {
    return json.wanted() ? Json.write(object()) : line();
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
  record Provider(JsonOption json) implements CommandLine.IVersionProvider {
    @Override
    public String[] getVersion() {
      return new String[] {answer(json)};
    }
  }
}
