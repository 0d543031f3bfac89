package dev.terrarium.process;

import java.time.Duration;
import java.util.Optional;

/// What `/proc/PID/stat` says of a process.
///
/// @param comm the name of the program, cut to 15 bytes by the kernel; may hold any byte
/// @param state one letter: `R`, `S`, `D`, `T`, `t`, `Z`, `X`, `I`
/// @param flags what the kernel notes of it, `PF_...` in its sources
/// @param threads living threads
/// @param cpuTicks the processor time that it has used, in clock ticks (10 ms)
/// @param startTicks when it started, in clock ticks since the machine did
/// @param residentPages what it has in memory, shared pages included
public record ProcStat(
    long pid,
    String comm,
    char state,
    long parent,
    long group,
    long session,
    long flags,
    long threads,
    long cpuTicks,
    long startTicks,
    long residentPages) {

  // Positions in the part behind the name, where field 3 of proc(5) is position 0.
  private static final int STATE = 0;
  private static final int PARENT = 1;
  private static final int GROUP = 2;
  private static final int SESSION = 3;
  private static final int FLAGS = 6;
  private static final int USER_TICKS = 11;
  private static final int SYSTEM_TICKS = 12;
  private static final int THREADS = 17;
  private static final int START = 19;
  private static final int RESIDENT = 21;

  private static final long PF_EXITING = 0x4;

  /// The processor time that it has used, to 10 ms.
  public Duration cpu() {
    return Duration.ofMillis(cpuTicks * ProcFs.MILLIS_PER_TICK);
  }

  /// What it has in memory: pages that it shares with others, as forked workers do, count for each.
  public long residentBytes() {
    return residentPages * Libc.pageSize();
  }

  /// Dead is what runs no code any more: a zombie is dead, even though it still has its number. A
  /// process whose first thread ended while others run shows `Z` as well, and is alive.
  public boolean dead() {
    return "ZXx".indexOf(state) >= 0 && threads <= 1;
  }

  /// Standing still until it gets SIGCONT, or until who traces it lets it go.
  public boolean stopped() {
    return state == 'T' || state == 't';
  }

  /// On its way out, though not dead yet: the kernel gives back what it had, which takes seconds
  /// where that is much.
  public boolean exiting() {
    return (flags & PF_EXITING) != 0;
  }

  /// In a sleep of the kernel that no signal ends, SIGKILL included.
  public boolean uninterruptible() {
    return state == 'D';
  }

  /// The name stands in parentheses and may itself hold spaces, parentheses and line breaks, so the
  /// last parenthesis ends it.
  static Optional<ProcStat> parse(String text) {
    int open = text.indexOf('(');
    int close = text.lastIndexOf(')');
    if (open < 1 || close < open) {
      return Optional.empty();
    }
    String[] rest = text.substring(close + 1).strip().split(" ", -1);
    return rest.length <= RESIDENT
        ? Optional.empty()
        : Optional.of(of(text.substring(0, open).strip(), text.substring(open + 1, close), rest));
  }

  private static ProcStat of(String pid, String comm, String[] rest) {
    return new ProcStat(
        Long.parseLong(pid),
        comm,
        rest[STATE].charAt(0),
        Long.parseLong(rest[PARENT]),
        Long.parseLong(rest[GROUP]),
        Long.parseLong(rest[SESSION]),
        Long.parseLong(rest[FLAGS]),
        Long.parseLong(rest[THREADS]),
        Long.parseLong(rest[USER_TICKS]) + Long.parseLong(rest[SYSTEM_TICKS]),
        Long.parseLong(rest[START]),
        Long.parseLong(rest[RESIDENT]));
  }
}
