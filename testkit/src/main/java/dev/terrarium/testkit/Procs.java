package dev.terrarium.testkit;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// The processes of this machine as the tests see them.
public final class Procs {
  private static final long MARK_MIN = 1L << 60;
  private static final long MARK_END = 1L << 61;

  private Procs() {}

  /// A process at the moment of looking. Equal to another look at the same process only if nothing
  /// but its state changed.
  ///
  /// @param state the kernel's letter; `Z` with one thread is dead
  /// @param startTicks with the pid says which process it is
  public record Proc(long pid, long parent, char state, long threads, long startTicks) {
    public boolean alive() {
      return "ZXx".indexOf(state) < 0 || threads > 1;
    }

    /// The same process, maybe in another state.
    public boolean is(Proc other) {
      return pid == other.pid && startTicks == other.startTicks;
    }

    @Override
    public String toString() {
      return "pid %d (parent %d, state %s): %s".formatted(pid, parent, state, command(pid));
    }
  }

  /// Everything, dead or alive.
  public static List<Proc> all() {
    try (Stream<Path> entries = Files.list(Path.of("/proc"))) {
      return entries
          .map(entry -> entry.getFileName().toString())
          .filter(name -> Character.isDigit(name.charAt(0)))
          .flatMap(name -> find(Long.parseLong(name)).stream())
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  public static Optional<Proc> find(long pid) {
    return read(pid, "stat").map(raw -> parse(pid, new String(raw, ISO_8859_1)));
  }

  private static Proc parse(long pid, String stat) {
    String[] rest = stat.substring(stat.lastIndexOf(')') + 2).strip().split(" ", -1);
    return new Proc(
        pid,
        Long.parseLong(rest[1]),
        rest[0].charAt(0),
        Long.parseLong(rest[17]),
        Long.parseLong(rest[19]));
  }

  public static boolean alive(long pid) {
    return find(pid).filter(Proc::alive).isPresent();
  }

  /// The kernel's letter for what a process is doing; empty if there is none.
  public static Optional<Character> state(long pid) {
    return find(pid).map(Proc::state);
  }

  public static String command(long pid) {
    return read(pid, "cmdline")
        .map(raw -> new String(raw, UTF_8).replace('\0', ' ').strip())
        .orElse("");
  }

  /// The environment of the program that the process runs; empty where it has none, or is gone.
  public static Map<String, String> environment(long pid) {
    return read(pid, "environ").stream()
        .flatMap(raw -> Stream.of(new String(raw, UTF_8).split("\0", -1)))
        .filter(variable -> variable.indexOf('=') > 0)
        .map(variable -> variable.split("=", 2))
        .collect(Collectors.toMap(pair -> pair[0], pair -> pair[1], (first, _) -> first));
  }

  /// The hard limit of RLIMIT_RTTIME, where it is in the range of birthmarks.
  public static Optional<Long> mark(long pid) {
    return read(pid, "limits").stream()
        .flatMap(raw -> new String(raw, ISO_8859_1).lines())
        .filter(line -> line.startsWith("Max realtime timeout"))
        .map(line -> line.split("\\s{2,}", -1)[2])
        .filter(hard -> hard.matches("\\d{19}"))
        .map(Long::parseLong)
        .filter(hard -> hard >= MARK_MIN && hard < MARK_END)
        .findFirst();
  }

  /// Where a process is in the hierarchy of cgroups (version 2), from its root.
  public static Optional<String> cgroup(long pid) {
    return read(pid, "cgroup").stream()
        .flatMap(raw -> new String(raw, UTF_8).lines())
        .filter(line -> line.startsWith("0::"))
        .map(line -> line.substring(3))
        .findFirst();
  }

  /// Living processes that bear any birthmark.
  public static List<Proc> marked() {
    return all().stream().filter(proc -> proc.alive() && mark(proc.pid()).isPresent()).toList();
  }

  /// Living processes that bear this birthmark.
  public static List<Proc> marked(long run) {
    return all().stream()
        .filter(proc -> proc.alive() && mark(proc.pid()).filter(it -> it == run).isPresent())
        .toList();
  }

  /// Living children, children's children and so on of a process.
  public static List<Proc> descendants(long pid) {
    List<Proc> all = all();
    Map<Long, List<Proc>> children = all.stream().collect(Collectors.groupingBy(Proc::parent));
    var below = new HashSet<Proc>();
    collect(pid, children, below);
    return below.stream().filter(Proc::alive).toList();
  }

  private static void collect(long pid, Map<Long, List<Proc>> children, Set<Proc> below) {
    for (Proc child : children.getOrDefault(pid, List.of())) {
      if (below.add(child)) {
        collect(child.pid(), children, below);
      }
    }
  }

  /// The parents of a process, nearest first, up to the first process.
  public static List<Proc> ancestors(long pid) {
    Function<Proc, Optional<Proc>> parent = proc -> find(proc.parent());
    return Stream.iterate(
            find(pid).flatMap(parent), Optional::isPresent, proc -> proc.flatMap(parent))
        .flatMap(Optional::stream)
        .limit(1000)
        .toList();
  }

  /// Waits until there is no living process with this number.
  public static void awaitGone(long pid, Duration timeout) {
    await().atMost(timeout).pollInterval(Duration.ofMillis(5)).until(() -> !alive(pid));
  }

  /// Who traces a process; empty where nobody does.
  public static OptionalLong tracer(long pid) {
    return read(pid, "status").stream()
        .flatMap(raw -> new String(raw, ISO_8859_1).lines())
        .filter(line -> line.startsWith("TracerPid:"))
        .mapToLong(line -> Long.parseLong(line.substring(10).strip()))
        .filter(tracer -> tracer != 0)
        .findFirst();
  }

  static Optional<byte[]> read(long pid, String file) {
    try {
      return Optional.of(Files.readAllBytes(Path.of("/proc", Long.toString(pid), file)));
    } catch (IOException e) {
      return Optional.empty();
    }
  }
}
