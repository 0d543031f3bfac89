package dev.terrarium.cli.demo;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Looks at `/proc` with eyes of its own: who tests a promise should not ask the one who gave it.
final class Witness {
  private static final Path PROC = Path.of("/proc");
  private static final Pattern BIRTHMARK =
      Pattern.compile("^Max realtime timeout +\\S+ +(\\d+) ", Pattern.MULTILINE);
  private static final Pattern PSS = Pattern.compile("^Pss: +(\\d+) kB", Pattern.MULTILINE);

  /// One process: the pid alone could be another one's by now.
  ///
  /// @param ticks when it was started, in ticks since the boot
  record Seen(long pid, long ticks) {}

  private record Stat(Seen seen, long parent, boolean dead) {}

  private Witness() {}

  /// The number that all processes of a run bear: the hard limit of RLIMIT_RTTIME. Empty for those
  /// who bear none.
  static OptionalLong birthmark(long pid) {
    return number(PROC.resolve(pid + "/limits"), BIRTHMARK);
  }

  /// What the process uses of the memory, pages shared with others counted in parts.
  static OptionalLong proportionalBytes(long pid) {
    OptionalLong kilobytes = number(PROC.resolve(pid + "/smaps_rollup"), PSS);
    return kilobytes.isPresent()
        ? OptionalLong.of(kilobytes.getAsLong() * 1024)
        : OptionalLong.empty();
  }

  /// All that live and bear the mark, whoever their parent is.
  static Set<Seen> bearers(long birthmark) {
    Set<Seen> bearers = new HashSet<>();
    for (Stat stat : everybody()) {
      OptionalLong mark = birthmark(stat.seen().pid());
      if (!stat.dead() && mark.isPresent() && mark.getAsLong() == birthmark) {
        bearers.add(stat.seen());
      }
    }
    return bearers;
  }

  /// A process, its children, their children, and so on; those that live.
  static Set<Seen> family(long pid) {
    Map<Long, List<Stat>> children = new HashMap<>();
    Set<Seen> family = new HashSet<>();
    for (Stat stat : everybody()) {
      children.computeIfAbsent(stat.parent(), _ -> new ArrayList<>()).add(stat);
      if (stat.seen().pid() == pid && !stat.dead()) {
        family.add(stat.seen());
      }
    }
    addDescendants(pid, children, family);
    return family;
  }

  private static void addDescendants(long pid, Map<Long, List<Stat>> children, Set<Seen> family) {
    for (Stat child : children.getOrDefault(pid, List.of())) {
      if (!child.dead()) {
        family.add(child.seen());
      }
      addDescendants(child.seen().pid(), children, family);
    }
  }

  /// How many living children a process has.
  static int children(long pid) {
    return (int) everybody().stream().filter(stat -> stat.parent() == pid && !stat.dead()).count();
  }

  /// Whether it still lives. What its parent has not collected yet is dead.
  static boolean lives(Seen seen) {
    return stat(PROC.resolve(Long.toString(seen.pid())))
        .filter(stat -> !stat.dead() && stat.seen().equals(seen))
        .isPresent();
  }

  /// For people: pid and command line.
  static String describe(Seen seen) {
    String command = read(PROC.resolve(seen.pid() + "/cmdline")).orElse("").replace('\0', ' ');
    return seen.pid() + " " + command.strip();
  }

  private static List<Stat> everybody() {
    List<Stat> stats = new ArrayList<>();
    try (var processes = Files.newDirectoryStream(PROC, "[0-9]*")) {
      processes.forEach(process -> stat(process).ifPresent(stats::add));
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
    return stats;
  }

  // The name may hold blanks and parentheses; the fields that matter come after the last one: state
  // is field 3.
  private static Optional<Stat> stat(Path process) {
    return read(process.resolve("stat"))
        .map(
            text -> {
              String[] fields = text.substring(text.lastIndexOf(')') + 2).split(" ", -1);
              long pid = Long.parseLong(text.substring(0, text.indexOf(' ')));
              Seen seen = new Seen(pid, Long.parseLong(fields[19]));
              return new Stat(seen, Long.parseLong(fields[1]), "ZX".contains(fields[0]));
            });
  }

  private static OptionalLong number(Path file, Pattern pattern) {
    Matcher matcher = pattern.matcher(read(file).orElse(""));
    return matcher.find()
        ? OptionalLong.of(Long.parseLong(matcher.group(1)))
        : OptionalLong.empty();
  }

  /// Empty where the process is gone, or another user's.
  private static Optional<String> read(Path file) {
    try {
      String text = Files.readString(file, StandardCharsets.ISO_8859_1);
      return text.isEmpty() ? Optional.empty() : Optional.of(text);
    } catch (IOException gone) {
      return Optional.empty();
    }
  }
}
