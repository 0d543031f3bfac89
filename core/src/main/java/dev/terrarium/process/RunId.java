package dev.terrarium.process;

import java.security.SecureRandom;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/// The name of a run: seven characters of base 36, such as `s59m65f`.
///
/// It is for people, logs and command lines. It is never a proof that a process is ours: anybody
/// can write it on a command line. The proof is the [Birthmark].
///
/// @param value the seven characters, lower case
public record RunId(String value) {
  /// What we write on command lines.
  public static final String FLAG = "--snakepit-run-id";

  private static final List<String> FLAGS = List.of(FLAG, "--run-id");
  private static final Pattern FORM = Pattern.compile("[0-9a-z]{7}");
  private static final String DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz";
  private static final SecureRandom RANDOM = new SecureRandom();

  /// @throws IllegalArgumentException if `value` is not seven characters of base 36
  public RunId {
    if (!isValid(value)) {
      throw new IllegalArgumentException(
          "a run id is seven characters of 0-9 and a-z, not '%s'".formatted(value));
    }
  }

  /// Random, not derived from the clock: two hosts that start in one millisecond differ.
  public static RunId generate() {
    var text = new StringBuilder(7);
    RANDOM.ints(7, 0, DIGITS.length()).forEach(digit -> text.append(DIGITS.charAt(digit)));
    return new RunId(text.toString());
  }

  /// A run id that somebody wrote down.
  ///
  /// @throws IllegalArgumentException if `text` is not a run id
  public static RunId parse(String text) {
    return new RunId(text);
  }

  public static boolean isValid(String text) {
    return FORM.matcher(text).matches();
  }

  /// The first run id among a process's arguments, given as `--snakepit-run-id ID`, `--run-id ID`
  /// or with an equals sign. Whole arguments are compared: `abc` never matches `abcd`.
  public static Optional<RunId> findIn(List<String> argv) {
    for (int i = 0; i < argv.size(); i++) {
      Optional<RunId> found = valueAt(argv, i).filter(RunId::isValid).map(RunId::new);
      if (found.isPresent()) {
        return found;
      }
    }
    return Optional.empty();
  }

  private static Optional<String> valueAt(List<String> argv, int index) {
    String argument = argv.get(index);
    if (FLAGS.contains(argument)) {
      return index + 1 < argv.size() ? Optional.of(argv.get(index + 1)) : Optional.empty();
    }
    int equals = argument.indexOf('=');
    return equals > 0 && FLAGS.contains(argument.substring(0, equals))
        ? Optional.of(argument.substring(equals + 1))
        : Optional.empty();
  }

  @Override
  public String toString() {
    return value;
  }
}
