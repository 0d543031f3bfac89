package dev.terrarium.process;

import dev.terrarium.Ending;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.Predicate;
import java.util.stream.Stream;

/// The one class on the Java side that sends signals.
///
/// Killing a stranger is the worst bug that this project can have, so the order is always: open a
/// pidfd, then verify that what it holds is the process that is meant, then send through the pidfd.
/// Whatever happens to the number in between, nobody else can be hit: before the pidfd is open a
/// new owner of the number fails the verification; after, the handle does not follow the number.
///
/// Each attempt leaves one line in the [AuditLog]. Safe for use by many threads.
public final class ProcessKiller {
  /// How long a process may take to die of SIGKILL before it is reported as not gone. Large heaps
  /// take about 80 ms a gigabyte.
  static final Duration DEATH_WAIT = Duration.ofSeconds(2);

  /// The highest number that Linux gives to a process on 64-bit machines (`PID_MAX_LIMIT`,
  /// proc(5)).
  private static final long PID_MAX = 1 << 22;

  private final AuditLog audit;

  public ProcessKiller(AuditLog audit) {
    this.audit = audit;
  }

  /// What came of a signal.
  public sealed interface Result {
    /// It was delivered to the very process that was meant.
    record Sent(Signal signal) implements Result {}

    /// The process that was meant is gone, which harms nobody.
    ///
    /// @param evidence how we know
    record AlreadyDead(String evidence) implements Result {}

    /// It was not proved to be ours; nothing was sent.
    record NotOurs(String reason) implements Result {}

    /// The kernel did not let us.
    ///
    /// @param errno the error number; 1 (EPERM) for a process of another user
    record Refused(int errno) implements Result {}

    /// For the audit line and for people.
    default String describe() {
      return switch (this) {
        case Sent _ -> "sent";
        case AlreadyDead(var evidence) -> "already dead: " + evidence;
        case NotOurs(var reason) -> "not ours: " + reason;
        case Refused(var errno) -> "refused: " + Libc.describe(errno);
      };
    }
  }

  /// How an escalation ended.
  public record Escalation(Ending ending, Duration took) {
    /// Whether the process is proved dead.
    public boolean gone() {
      return ending instanceof Ending.Dead;
    }
  }

  /// Has the JVM link what it links at the first use, and what is broken for ever where there is no
  /// memory for that: a pattern `switch`, a record's `toString`. Nobody has the number that this
  /// asks for.
  public static void prepare() {
    var nobody = new ProcessIdentity(ProcessIdentity.currentBoot(), PID_MAX + 1, 1);
    var silent = new ProcessKiller(_ -> {});
    Result _ = silent.signal(nobody, Signal.KILL, "nothing");
    Escalation _ = silent.escalate(nobody, Duration.ZERO, "nothing");
    String _ = FileErrors.why(new IOException("nothing")); // which the audit log says
  }

  /// Sends to a process known by its identity alone. Where it bears a mark, ask for it as well: an
  /// identity is as coarse as a clock tick.
  public Result signal(ProcessIdentity target, Signal signal, String why) {
    return carryOut(new SignalRequest(target, Optional.empty(), signal, why));
  }

  /// Sends to a process that also bears the run's number.
  public Result signal(ProcessIdentity target, Birthmark proof, Signal signal, String why) {
    return carryOut(new SignalRequest(target, Optional.of(proof), signal, why));
  }

  /// SIGTERM, then SIGKILL if it is still there after the grace. An interrupt cuts the grace short:
  /// whoever is in a hurry still leaves nothing behind.
  public Escalation escalate(ProcessIdentity target, Duration grace, String why) {
    return escalate(new SignalRequest(target, Optional.empty(), Signal.TERM, why), grace);
  }

  /// The same, for a process that also bears the run's number.
  public Escalation escalate(ProcessIdentity target, Birthmark proof, Duration grace, String why) {
    return escalate(new SignalRequest(target, Optional.of(proof), Signal.TERM, why), grace);
  }

  /// Kills everything that bears the run's number, except this JVM, until none is found twice in a
  /// row or the time is up.
  public SweepReport sweep(Birthmark mark, String why, Duration timeout) {
    return sweep(Set.of(mark), why, SweepPolicy.AT_ONCE, timeout);
  }

  /// The same for several runs in one pass over all processes, and under another policy.
  public SweepReport sweep(Set<Birthmark> marks, String why, SweepPolicy policy, Duration timeout) {
    return new Sweep(this, mark -> marks.contains(birthmark(mark)), why, policy, timeout).run();
  }

  /// The part of a run that belongs to some realms.
  public SweepReport sweep(Birthmark run, Predicate<Realm> realms, String why, Duration timeout) {
    Predicate<Birthmark.Mark> meant =
        mark -> mark.run() == run.run() && realms.test(Realm.of(mark.worker()));
    return new Sweep(this, meant, why, SweepPolicy.AT_ONCE, timeout).run();
  }

  /// What one process of a run has left: all that bears its number as well.
  public SweepReport sweep(Birthmark.Mark mark, String why, Duration timeout) {
    return new Sweep(this, mark::equals, why, SweepPolicy.AT_ONCE, timeout).run();
  }

  private static Birthmark birthmark(Birthmark.Mark mark) {
    return new Birthmark(mark.run());
  }

  /// Sends to each member of a process group that bears the run's number, one by one: to send to
  /// the group as a whole would hit whoever has its number by then.
  ///
  /// For users of this package. A runtime itself leaves groups to its warden, whose children their
  /// leaders are.
  ///
  /// @return what came of each; empty where nobody of ours is in it
  public List<Result> signalGroup(long group, Birthmark proof, Signal signal, String why) {
    return bearers(proof)
        .filter(stat -> stat.group() == group)
        .map(stat -> signal(ProcessIdentity.of(stat), proof, signal, why))
        .toList();
  }

  /// Escalates for each process that names a run on its command line and bears that run's number as
  /// well, all at the same time. Either alone is not enough: anybody can write a command line, and
  /// what a worker has started does not name the run; [#sweep] is for that, and it is what a
  /// runtime itself uses. This is for users of this package.
  ///
  /// @param grace between SIGTERM and SIGKILL, for all of them at once
  /// @return what came of each; empty where nobody is named so
  public List<Escalation> killByRunId(RunId run, Birthmark proof, Duration grace, String why) {
    List<ProcessIdentity> named =
        bearers(proof)
            .filter(stat -> RunId.findIn(ProcFs.commandLine(stat.pid())).equals(Optional.of(run)))
            .map(ProcessIdentity::of)
            .toList();
    List<CompletableFuture<Escalation>> ends =
        named.stream()
            .map(
                process ->
                    CompletableFuture.supplyAsync(
                        () -> escalate(process, proof, grace, why), Thread::startVirtualThread))
            .toList();
    return ends.stream().map(CompletableFuture::join).toList();
  }

  private static Stream<ProcStat> bearers(Birthmark mark) {
    return ProcFs.pids().stream()
        .filter(pid -> pid != ProcFs.ownPid() && mark.bears(pid))
        .flatMap(pid -> ProcFs.stat(pid).stream())
        .filter(stat -> !stat.dead());
  }

  /// Kills all that is in a cgroup of ours and below it, whatever it forks meanwhile. That it is
  /// there is the proof: a process is in its parent's cgroup, and ours hold what ours started. That
  /// it is ours, the caller must know, and not from a file.
  ///
  /// @return who was in it
  List<ProcessIdentity> killCgroup(Path cgroup, String why) {
    if (!Cgroups.isPopulated(cgroup)) {
      return List.of();
    }
    List<ProcessIdentity> members = Cgroups.members(cgroup);
    String outcome = Cgroups.kill(cgroup).map(reason -> "refused: " + reason).orElse("sent");
    for (ProcessIdentity member : members) {
      audit.write(
          new AuditLog.Entry(
              Instant.now(),
              "jvm " + ProcFs.ownPid(),
              "cgroup",
              why,
              member.pid(),
              member.startTicks(),
              "cgroup " + cgroup,
              Signal.KILL,
              outcome));
    }
    return members;
  }

  /// Writes down a death that nobody here sent a signal for.
  public void recordExit(ProcessIdentity dead, String how) {
    audit.write(
        new AuditLog.Exit(
            Instant.now(), "jvm " + ProcFs.ownPid(), dead.pid(), dead.startTicks(), how));
  }

  /// What is to be sent, to whom, on what proof.
  private record SignalRequest(
      ProcessIdentity target, Optional<Birthmark> mark, Signal signal, String why) {
    SignalRequest with(Signal other) {
      return new SignalRequest(target, mark, other, why);
    }

    String proof() {
      return mark.map(birthmark -> "identity, birthmark " + birthmark.run()).orElse("identity");
    }
  }

  private Escalation escalate(SignalRequest request, Duration grace) {
    long start = System.nanoTime();
    return switch (Pidfd.open(request.target().pid())) {
      case Pidfd.Opening.Opened(var pidfd) -> escalate(request, pidfd, grace, start);
      case Pidfd.Opening.Failed(var errno) -> ended(recorded(request, unopened(errno)), start);
    };
  }

  /// One handle from the first signal to the last: the process that gets the SIGKILL is the one
  /// that ignored the SIGTERM.
  private Escalation escalate(SignalRequest request, Pidfd pidfd, Duration grace, long start) {
    try (pidfd) {
      Result polite = recorded(request, verifyAndSend(request, pidfd));
      if (!(polite instanceof Result.Sent) || pidfd.awaitDeath(grace)) {
        return ended(polite, start);
      }
      SignalRequest force = request.with(Signal.KILL);
      Result forced = recorded(force, send(force, pidfd));
      boolean gone = awaitDeathAnyway(pidfd);
      return new Escalation(gone ? new Ending.Dead(true) : survived(forced), since(start));
    }
  }

  private static Escalation ended(Result result, long start) {
    boolean gone = result instanceof Result.Sent || result instanceof Result.AlreadyDead;
    return new Escalation(gone ? new Ending.Dead(false) : survived(result), since(start));
  }

  private static Ending survived(Result result) {
    return new Ending.Survived(
        result instanceof Result.Sent(Signal signal)
            ? "was sent %s and is not dead after %d ms".formatted(signal, DEATH_WAIT.toMillis())
            : result.describe());
  }

  /// After SIGKILL death is near: an interrupt waits for it and is set again.
  private static boolean awaitDeathAnyway(Pidfd pidfd) {
    boolean interrupted = Thread.interrupted();
    try {
      return pidfd.awaitDeath(DEATH_WAIT);
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private Result carryOut(SignalRequest request) {
    return switch (Pidfd.open(request.target().pid())) {
      case Pidfd.Opening.Opened(var pidfd) -> carryOut(request, pidfd);
      case Pidfd.Opening.Failed(var errno) -> recorded(request, unopened(errno));
    };
  }

  private Result carryOut(SignalRequest request, Pidfd pidfd) {
    try (pidfd) {
      return recorded(request, verifyAndSend(request, pidfd));
    }
  }

  private static Result unopened(int errno) {
    return switch (errno) {
      case Libc.ESRCH -> new Result.AlreadyDead("no process has this number");
      // Also what kernels answer where the number is a mere thread's: then no process has it
      // either.
      case Libc.EINVAL, Libc.ENOENT -> new Result.AlreadyDead("no process leads this number");
      default -> new Result.Refused(errno);
    };
  }

  private static Result verifyAndSend(SignalRequest request, Pidfd pidfd) {
    try {
      return objection(request).orElseGet(() -> send(request, pidfd));
    } catch (UncheckedIOException e) {
      return new Result.Refused(Libc.EMFILE); // who cannot be looked at is not verified
    }
  }

  private static Optional<Result> objection(SignalRequest request) {
    ProcessIdentity target = request.target();
    if (ProcFs.objection().isPresent()) {
      return ProcFs.objection().map(Result.NotOurs::new);
    }
    if (target.pid() <= 1 || target.pid() == ProcFs.ownPid()) {
      return Optional.of(new Result.NotOurs("it is this JVM itself, or process 1"));
    }
    Optional<ProcStat> stat = target.certainStat();
    if (stat.isEmpty()) {
      return Optional.of(new Result.AlreadyDead("the number is another process's by now"));
    }
    if (stat.get().dead()) {
      return Optional.of(new Result.AlreadyDead("it is a zombie"));
    }
    return request.mark().filter(mark -> !mark.bears(target.pid())).map(ProcessKiller::unmarked);
  }

  private static Result unmarked(Birthmark mark) {
    return new Result.NotOurs("it does not bear the birthmark " + mark.run());
  }

  private static Result send(SignalRequest request, Pidfd pidfd) {
    int errno = pidfd.send(request.signal());
    return switch (errno) {
      case 0 -> new Result.Sent(request.signal());
      case Libc.ESRCH -> new Result.AlreadyDead("it ended just now");
      default -> new Result.Refused(errno);
    };
  }

  private Result recorded(SignalRequest request, Result result) {
    audit.write(
        new AuditLog.Entry(
            Instant.now(),
            "jvm " + ProcFs.ownPid(),
            "process",
            request.why(),
            request.target().pid(),
            request.target().startTicks(),
            request.proof(),
            request.signal(),
            result.describe()));
    return result;
  }

  private static Duration since(long start) {
    return Duration.ofNanos(System.nanoTime() - start);
  }
}
