package dev.terrarium.process;

import java.security.SecureRandom;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// The proof that a process is ours: a run's random number in the hard limit of `RLIMIT_RTTIME`.
///
/// The limit is inherited by fork and exec, stands through `setsid`, a double fork, an empty
/// environment and closed descriptors, and cannot be raised again without privilege. Numbers above
/// 2^60 microseconds limit nothing in practice (36,000 years). Everybody else's limit is unlimited
/// or small, so a stranger cannot bear the number without descending from us.
///
/// @param run more than 2^60 and less than 2^61
public record Birthmark(long run) {
  /// Numbers up to this one are somebody's real limit and no mark.
  public static final long ABOVE = 1L << 60;

  /// Marks are less than this.
  public static final long BELOW = 1L << 61;

  /// With fewer numbers to choose from a guess would be too easy.
  static final long ROOM_MIN = 1L << 40;

  private static final String LINE = "Max realtime timeout";
  private static final String UNREADABLE =
      "no birthmark: /proc/self/limits does not show this process's real-time limit";
  private static final SecureRandom RANDOM = new SecureRandom();

  public Birthmark {
    if (run <= ABOVE || run >= BELOW) {
      throw new IllegalArgumentException("a birthmark lies between 2^60 and 2^61, not at " + run);
    }
  }

  /// What a process bears.
  ///
  /// @param run the run's number, the hard limit
  /// @param worker the worker's number, hard minus soft limit; its upper half names its [Realm]
  public record Mark(long run, long worker) {
    /// Whether it is a warden's, or that of a process that holds a PID namespace for one.
    public boolean isWarden() {
      return worker == Realm.of(worker).warden();
    }
  }

  /// What came of choosing a number.
  public sealed interface Choice {
    /// A number was chosen.
    record Chosen(Birthmark birthmark) implements Choice {}

    /// There is no room below a limit that this process already has. A runtime does not start then:
    /// most layers of defence go by the birthmark.
    ///
    /// @param reason for people: what limits, and what helps
    record Unavailable(String reason) implements Choice {}

    default Optional<Birthmark> chosen() {
      return switch (this) {
        case Chosen(var birthmark) -> Optional.of(birthmark);
        case Unavailable _ -> Optional.empty();
      };
    }
  }

  /// A random number below this process's own hard limit. A runtime inside a worker so picks one
  /// below the outer runtime's, and each finds its own processes only.
  public static Choice choose() {
    return ProcFs.limits(ProcFs.ownPid())
        .flatMap(Birthmark::line)
        .map(limit -> chooseBelow(limit.hard()))
        .orElseGet(() -> new Choice.Unavailable(UNREADABLE));
  }

  static Choice chooseBelow(OptionalLong ownHardLimit) {
    long limit = Math.min(BELOW, ownHardLimit.orElse(BELOW));
    return limit - ABOVE < ROOM_MIN
        ? new Choice.Unavailable(tooSmall(limit))
        : new Choice.Chosen(new Birthmark(RANDOM.nextLong(ABOVE + 1, limit)));
  }

  private static String tooSmall(long limit) {
    return """
    no birthmark: this process's hard RLIMIT_RTTIME is %d microseconds, which leaves no numbers above \
    2^60 to choose from; start it without that limit (LimitRTTIME=infinity, ulimit -R unlimited)\
    """
        .formatted(limit);
  }

  /// Does this process bear the run's number? False for one that is gone.
  public boolean bears(long pid) {
    return of(pid).filter(mark -> mark.run() == run).isPresent();
  }

  /// What those bear that bear the run's number, one after the other, the dead that nobody has
  /// collected left out.
  public Stream<Mark> bearers() {
    return ProcFs.pids().stream()
        .flatMap(pid -> of(pid).filter(mark -> mark.run() == run && lives(pid)).stream());
  }

  /// The runs whose wardens watch a living host, whatever any file says: a warden holds a pidfd of
  /// the JVM that started it, and is its child for as long as that lives.
  public static Set<Birthmark> watched() {
    return ProcFs.pids().stream()
        .flatMap(pid -> of(pid).filter(mark -> mark.isWarden() && watchesItsParent(pid)).stream())
        .map(mark -> new Birthmark(mark.run()))
        .collect(Collectors.toUnmodifiableSet());
  }

  private static boolean watchesItsParent(long pid) {
    return ProcFs.stat(pid)
        .filter(stat -> !stat.dead() && ProcFs.pidfds(pid).contains(stat.parent()))
        .isPresent();
  }

  private static boolean lives(long pid) {
    return ProcFs.stat(pid).filter(stat -> !stat.dead()).isPresent();
  }

  /// The mark of a process, whichever run it belongs to. Asks `prlimit(2)`, which takes a tenth of
  /// what reading a file takes, and the file where that is refused (another user's process).
  public static Optional<Mark> of(long pid) {
    long[] limit = new long[2];
    return switch (Libc.limit(pid, Libc.RLIMIT_RTTIME, limit)) {
      case 0 -> mark(new Limit(known(limit[0]), known(limit[1])));
      case -Libc.EPERM -> ProcFs.limits(pid).flatMap(Birthmark::parse);
      default -> Optional.empty();
    };
  }

  /// Gives a process this mark, for good. For a child of our own that shows what a machine offers;
  /// workers get theirs before they run anything.
  ///
  /// @return whether the kernel let us
  public boolean mark(long pid, long worker) {
    return Libc.setLimit(pid, Libc.RLIMIT_RTTIME, run - worker, run) == 0;
  }

  static Optional<Mark> parse(String limits) {
    return line(limits).flatMap(Birthmark::mark);
  }

  private static Optional<Mark> mark(Limit limit) {
    long hard = limit.hard().orElse(0);
    return hard > ABOVE && hard < BELOW && limit.soft().isPresent()
        ? Optional.of(new Mark(hard, hard - limit.soft().getAsLong()))
        : Optional.empty();
  }

  /// Soft and hard; empty where unlimited.
  private record Limit(OptionalLong soft, OptionalLong hard) {}

  private static Optional<Limit> line(String limits) {
    return limits
        .lines()
        .filter(line -> line.startsWith(LINE))
        .map(line -> line.substring(LINE.length()).strip().split("\\s+", -1))
        .filter(columns -> columns.length >= 2)
        .map(columns -> new Limit(number(columns[0]), number(columns[1])))
        .findFirst();
  }

  private static OptionalLong number(String column) {
    return column.equals("unlimited")
        ? OptionalLong.empty()
        : known(Long.parseUnsignedLong(column));
  }

  /// Numbers of 2^63 and more, which no mark has, count as unlimited.
  private static OptionalLong known(long value) {
    return value < 0 ? OptionalLong.empty() : OptionalLong.of(value);
  }
}
