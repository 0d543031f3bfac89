package dev.terrarium.process;

import dev.terrarium.process.ProcessKiller.Result;
import dev.terrarium.process.SweepReport.Found;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;

/// One sweep over all processes of the machine, repeated until nothing is found.
///
/// One look is not enough: a process that forks while we read `/proc` leaves a child that the look
/// did not see. So it ends after two looks in a row without a living bearer. Processes that the
/// kernel does not let us kill do not prolong it; they are reported.
final class Sweep {
  private static final long PAUSE_NANOS = 2_000_000;
  private static final int QUIET_LOOKS = 2;

  private final ProcessKiller killer;
  private final Set<Birthmark> marks;
  private final String why;
  private final long start = System.nanoTime();
  private final Duration timeout;
  private final Map<ProcessIdentity, Target> targets = new LinkedHashMap<>();

  Sweep(ProcessKiller killer, Set<Birthmark> marks, String why, Duration timeout) {
    this.killer = killer;
    this.marks = Set.copyOf(marks);
    this.why = why;
    this.timeout = timeout;
  }

  private record Target(Birthmark.Mark mark, List<String> command, Result result) {}

  /// What one look saw.
  private enum Look {
    /// Nobody that we can do anything about.
    QUIET,
    /// Somebody who was already sent SIGKILL, and is not dead yet.
    DYING,
    /// Somebody new.
    NEW
  }

  SweepReport run() {
    int quiet = 0;
    while (quiet < QUIET_LOOKS && elapsed().compareTo(timeout) < 0) {
      Look look = look();
      quiet = look == Look.QUIET ? quiet + 1 : 0;
      if (look == Look.DYING) {
        LockSupport.parkNanos(this, PAUSE_NANOS);
      }
    }
    return new SweepReport(report(), quiet == QUIET_LOOKS, elapsed());
  }

  private Look look() {
    Look seen = Look.QUIET;
    for (long pid : ProcFs.pids()) {
      Look here = lookAt(pid);
      seen = here.compareTo(seen) > 0 ? here : seen;
    }
    return seen;
  }

  private Look lookAt(long pid) {
    Optional<Birthmark.Mark> mark = pid == ProcFs.ownPid() ? Optional.empty() : Birthmark.of(pid);
    return mark.filter(borne -> marks.contains(new Birthmark(borne.run())))
        .flatMap(borne -> ProcFs.stat(pid).filter(stat -> !stat.dead()).map(s -> kill(s, borne)))
        .orElse(Look.QUIET);
  }

  private Look kill(ProcStat stat, Birthmark.Mark mark) {
    ProcessIdentity identity = ProcessIdentity.of(stat);
    Target known = targets.get(identity);
    return known == null ? first(identity, mark) : again(identity, known);
  }

  private Look first(ProcessIdentity identity, Birthmark.Mark mark) {
    List<String> command = ProcFs.commandLine(identity.pid());
    Result result = send(identity, mark);
    if (result instanceof Result.NotOurs) {
      return Look.QUIET; // the number went to a stranger between two reads
    }
    targets.put(identity, new Target(mark, command, result));
    return Look.NEW;
  }

  /// A second SIGKILL does nothing that the first did not; a lack of descriptors may pass.
  private Look again(ProcessIdentity identity, Target target) {
    return switch (target.result()) {
      case Result.Sent _ -> Look.DYING;
      case Result.Refused(var errno) when errno != Libc.EPERM -> {
        Result result = send(identity, target.mark());
        targets.put(identity, new Target(target.mark(), target.command(), result));
        yield Look.DYING;
      }
      case Result.Refused _, Result.AlreadyDead _, Result.NotOurs _ -> Look.QUIET;
    };
  }

  private Result send(ProcessIdentity identity, Birthmark.Mark mark) {
    return killer.signal(identity, new Birthmark(mark.run()), Signal.KILL, why);
  }

  private List<Found> report() {
    return targets.entrySet().stream().map(e -> found(e.getKey(), e.getValue())).toList();
  }

  private static Found found(ProcessIdentity identity, Target target) {
    String left = identity.stat().filter(s -> !s.dead()).map(s -> reason(s, target)).orElse("");
    return new Found(identity, target.mark(), target.command(), left);
  }

  private static String reason(ProcStat stat, Target target) {
    if (!(target.result() instanceof Result.Sent)) {
      return target.result().describe();
    }
    return stat.uninterruptible()
        ? "in an uninterruptible sleep of the kernel (state D); SIGKILL takes effect when it ends"
        : "was sent SIGKILL and is not dead yet (state %s)".formatted(stat.state());
  }

  private Duration elapsed() {
    return Duration.ofNanos(System.nanoTime() - start);
  }
}
