package dev.terrarium.cli;

import dev.terrarium.orphan.RunState;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/// How things are called in tables and sentences.
public final class Words {
  private static final Pattern PLAIN = Pattern.compile("[\\w@%+=:,./-]+");
  private static final Pattern CONTROL = Pattern.compile("\\p{Cntrl}");
  private static final int COMMAND_CHARS_MAX = 300;

  private Words() {}

  /// As a shell would take it. Nothing in it reaches a terminal as anything but text: strangers put
  /// on their command lines what they like.
  public static String command(List<String> arguments) {
    return arguments.isEmpty()
        ? "(no command line)"
        : arguments.stream().map(Words::quoted).collect(Collectors.joining(" "));
  }

  /// The beginning of it, for people.
  static String shortCommand(List<String> arguments) {
    String all = command(arguments);
    return all.length() <= COMMAND_CHARS_MAX ? all : all.substring(0, COMMAND_CHARS_MAX) + "...";
  }

  private static String quoted(String argument) {
    if (PLAIN.matcher(argument).matches()) {
      return argument;
    }
    return CONTROL.matcher(argument).find()
        ? "$'" + escaped(argument) + "'"
        : "'" + argument.replace("'", "'\\''") + "'";
  }

  private static String escaped(String argument) {
    String safe = argument.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n");
    return CONTROL
        .matcher(safe)
        .replaceAll(found -> "\\\\x%02x".formatted((int) found.group().charAt(0)));
  }

  /// As a constant is called in JSON, and in tables.
  public static String of(Enum<?> constant) {
    return constant.name().toLowerCase(Locale.ROOT);
  }

  /// A run's state: whatever shows that it is dead.
  static String of(RunState state) {
    return switch (state) {
      case RunState.Live _ -> "live";
      case RunState.Dead _, RunState.OfAnotherBoot _, RunState.HalfRemoved _ -> "dead";
      case RunState.Foreign _ -> "foreign";
      case RunState.Unreadable _ -> "unreadable";
    };
  }

  /// The same, of more than one word: `positional or keyword`.
  static String spaced(Enum<?> constant) {
    return of(constant).replace('_', ' ');
  }

  /// Memory: `24.1 MiB`.
  static String memory(long bytes) {
    return "%,.1f MiB".formatted(bytes / (double) (1 << 20));
  }

  /// Processor time, to 10 ms as the kernel counts it: `0.31 s`.
  static String cpu(Duration time) {
    return "%,.2f s".formatted(time.toMillis() / 1_000.0);
  }

  /// How long ago, in one unit.
  static String age(Instant since) {
    return time(Duration.between(since, Instant.now()));
  }

  /// In one unit.
  static String time(Duration time) {
    long seconds = Math.max(0, time.toSeconds());
    if (seconds < 60) {
      return seconds + " s";
    }
    if (seconds < 3_600) {
      return seconds / 60 + " min";
    }
    return seconds < 2 * 86_400 ? seconds / 3_600 + " h" : seconds / 86_400 + " d";
  }
}
