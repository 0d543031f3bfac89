package dev.terrarium.trials;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.concurrent.TimeUnit;

/// Without which figures mean nothing.
///
/// @param command that gives the same again
/// @param load the load averages at the beginning
/// @param lanes how many hosts there were at the same time
/// @param seconds that it took
record Facts(
    String command,
    String begun,
    String commit,
    String processor,
    String memory,
    String kernel,
    String java,
    String python,
    String load,
    int lanes,
    long seconds) {
  private static final class Python {
    static final String EXECUTABLE =
        said(List.of("python3", "-c", "import sys; print(sys.executable)"));
  }

  static Facts now(String command, int lanes) {
    return new Facts(
        command,
        Instant.now().truncatedTo(ChronoUnit.SECONDS).toString(),
        said(List.of("git", "describe", "--always", "--dirty", "--exclude=*")),
        Runtime.getRuntime().availableProcessors() + " x " + field("/proc/cpuinfo", "model name"),
        field("/proc/meminfo", "MemTotal"),
        System.getProperty("os.name") + " " + System.getProperty("os.version"),
        System.getProperty("java.vm.name") + " " + System.getProperty("java.vm.version"),
        said(
            List.of(
                interpreter(),
                "-c",
                "import platform as p; print(p.python_implementation(), p.python_version())")),
        read("/proc/loadavg").replaceFirst("(\\S+ \\S+ \\S+).*", "$1").strip(),
        lanes,
        0);
  }

  Facts took(long seconds) {
    return new Facts(
        command, begun, commit, processor, memory, kernel, java, python, load, lanes, seconds);
  }

  /// The interpreter itself: `python3` may be the launcher of a version manager.
  static String interpreter() {
    return Python.EXECUTABLE;
  }

  private static String field(String file, String name) {
    return read(file)
        .lines()
        .filter(line -> line.startsWith(name))
        .map(line -> line.substring(line.indexOf(':') + 1).strip())
        .findFirst()
        .orElse("unknown");
  }

  private static String read(String file) {
    try {
      return Files.readString(Path.of(file));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// What a command prints; `unknown` where it does not work.
  private static String said(List<String> command) {
    try {
      Process process = new ProcessBuilder(command).start();
      String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      boolean worked = process.waitFor(1, TimeUnit.MINUTES) && process.exitValue() == 0;
      return worked ? said.strip() : "unknown";
    } catch (IOException e) {
      return "unknown";
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return "unknown";
    }
  }
}
