package dev.terrarium.process;

import dev.terrarium.Ending;
import dev.terrarium.process.ProcessKiller.Result;
import dev.terrarium.process.SweepReport.Found;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// One sweep over all processes of the machine, repeated until nothing is found.
///
/// One look is not enough: a process that forks while we read `/proc` leaves a child that the look
/// did not see. So it ends after two looks in a row without a living bearer. Processes that the
/// kernel does not let us kill, or that are spared, do not prolong it; they are reported.
///
/// A chain whose links each fork the next and die is in no list any more by the time that it is
/// read: where numbers were given out during a look that found nobody, those who got them are
/// looked at as well ([Births]).
///
/// All are asked at the same time, and all share one grace: a thousand that ignore SIGTERM take as
/// long as one.
final class Sweep {
  private static final Duration PAUSE_FIRST = Duration.ofMillis(2);
  private static final Duration PAUSE_MAX = Duration.ofMillis(20);
  private static final int QUIET_LOOKS = 2;

  private final ProcessKiller killer;
  private final Predicate<Birthmark.Mark> meant;
  private final String why;
  private final SweepPolicy policy;
  private final long start = System.nanoTime();
  private final Duration timeout;
  private final Map<ProcessIdentity, Target> targets = new LinkedHashMap<>();
  private long asked; // when the first look was over, of the nanosecond clock
  private boolean lookedOnce;
  private boolean hurried;
  private @Nullable UncheckedIOException blinded; // the last look
  private Look bornLook = Look.QUIET;

  /// @param meant whom it is for, by what they bear
  Sweep(
      ProcessKiller killer,
      Predicate<Birthmark.Mark> meant,
      String why,
      SweepPolicy policy,
      Duration timeout) {
    this.killer = killer;
    this.meant = meant;
    this.why = why;
    this.policy = policy;
    this.timeout = timeout;
  }

  /// A process that this sweep is for, and what was done about it so far. Told apart without a
  /// `switch` over patterns, which cannot be linked any more where memory ran out before its first
  /// use.
  private sealed interface Target {
    Bearer bearer();
  }

  /// The policy keeps it.
  private record Spared(Bearer bearer) implements Target {}

  /// @param signal the last that it was to get
  /// @param result what came of that
  private record Signalled(Bearer bearer, Signal signal, Result result) implements Target {}

  /// What one look saw.
  private enum Look {
    /// Nobody that we can do anything about.
    QUIET,
    /// Somebody who was sent his signal, and is not dead yet.
    DYING,
    /// Somebody who got a signal just now.
    NEW,
    /// Not all could be looked at.
    BLIND
  }

  /// An interrupt ends the grace: whoever is in a hurry still leaves nothing behind. It stays set.
  ///
  /// @throws UncheckedIOException where not all could be looked at, for want of descriptors for
  ///   example, until the time was up: nothing is proved then
  SweepReport run() {
    int quiet = 0;
    Duration pause = PAUSE_FIRST;
    while (quiet < QUIET_LOOKS && elapsed().compareTo(timeout) < 0) {
      hurried |= Thread.interrupted();
      Look look = look();
      if (!lookedOnce) {
        lookedOnce = true;
        asked = System.nanoTime();
      }
      quiet = look == Look.QUIET ? quiet + 1 : 0;
      if (look == Look.DYING || look == Look.BLIND) {
        LockSupport.parkNanos(this, untilForce(pause).toNanos());
        pause = shorter(pause.multipliedBy(2), PAUSE_MAX);
      } else {
        pause = PAUSE_FIRST;
      }
    }
    if (hurried) {
      Thread.currentThread().interrupt();
    }
    if (blinded != null) {
      throw blinded;
    }
    return new SweepReport(report(), quiet == QUIET_LOOKS, elapsed());
  }

  private Signal signalNow() {
    return hurried ? Signal.KILL : policy.after(sinceAsked());
  }

  /// The grace begins when all have been asked, however long that took.
  private Duration sinceAsked() {
    return lookedOnce ? Duration.ofNanos(System.nanoTime() - asked) : Duration.ZERO;
  }

  /// Not beyond the end of the grace.
  private Duration untilForce(Duration pause) {
    Duration left = policy.grace().minus(sinceAsked());
    return left.isPositive() ? shorter(pause, left) : pause;
  }

  private static Duration shorter(Duration one, Duration other) {
    return one.compareTo(other) < 0 ? one : other;
  }

  private Look look() {
    try {
      Look seen = lookOnce();
      blinded = null;
      return seen;
    } catch (UncheckedIOException e) {
      blinded = e;
      return Look.BLIND;
    }
  }

  private Look lookOnce() {
    Births births = Births.fromNow();
    Look seen = lookAtAll();
    return seen == Look.QUIET && births.any() ? lookAt(births) : seen;
  }

  private Look lookAt(Births births) {
    bornLook = Look.QUIET;
    births.forEach(pid -> bornLook = livelier(bornLook, lookAtBorn(pid)));
    return bornLook;
  }

  /// A thread has a number, too, and is not asked for by it.
  private Look lookAtBorn(long pid) {
    return living(pid).filter(_ -> ProcFs.leads(pid)).map(this::lookAt).orElse(Look.QUIET);
  }

  private Look lookAtAll() {
    Stream<ProcStat> bearers = ProcFs.pids().stream().flatMap(pid -> living(pid).stream());
    if (policy.order() != SweepPolicy.Order.ANY) {
      bearers = bearers.sorted(policy.order().comparator());
    }
    return bearers.map(this::lookAt).reduce(Look.QUIET, Sweep::livelier);
  }

  private static Look livelier(Look one, Look other) {
    return one.compareTo(other) > 0 ? one : other;
  }

  /// Empty for everybody whom this sweep is not for.
  private Optional<ProcStat> living(long pid) {
    return markOf(pid).flatMap(_ -> ProcFs.certainStat(pid)).filter(stat -> !stat.dead());
  }

  private Optional<Birthmark.Mark> markOf(long pid) {
    return pid == ProcFs.ownPid() ? Optional.empty() : Birthmark.of(pid).filter(meant);
  }

  private Look lookAt(ProcStat stat) {
    ProcessIdentity identity = ProcessIdentity.of(stat);
    Target known = targets.get(identity);
    if (known == null) {
      return first(identity);
    }
    return known instanceof Signalled signalled ? again(signalled) : Look.QUIET;
  }

  private Look first(ProcessIdentity identity) {
    Optional<Birthmark.Mark> mark = markOf(identity.pid());
    if (mark.isEmpty()) {
      return Look.QUIET; // it ended just now
    }
    Bearer bearer = Bearer.of(identity, mark.get());
    if (policy.spared().test(bearer)) {
      targets.put(identity, new Spared(bearer));
      return Look.QUIET;
    }
    return send(bearer);
  }

  /// A second signal of the same kind does nothing that the first did not; a lack of descriptors
  /// may pass.
  private Look again(Signalled known) {
    if (known.result() instanceof Result.Sent) {
      return known.signal() == signalNow() ? Look.DYING : send(known.bearer());
    }
    if (known.result() instanceof Result.Refused(int errno) && errno != Libc.EPERM) {
      send(known.bearer());
      return Look.DYING;
    }
    return Look.QUIET;
  }

  private Look send(Bearer bearer) {
    Signal signal = signalNow();
    Birthmark proof = new Birthmark(bearer.mark().run());
    Result result = killer.signal(bearer.identity(), proof, signal, why);
    if (result instanceof Result.NotOurs) {
      return Look.QUIET; // the number went to a stranger between two reads
    }
    targets.put(bearer.identity(), new Signalled(bearer, signal, result));
    return Look.NEW;
  }

  private List<Found> report() {
    return targets.values().stream().map(it -> new Found(it.bearer(), ending(it))).toList();
  }

  private static Ending ending(Target target) {
    return target
        .bearer()
        .identity()
        .certainStat()
        .filter(stat -> !stat.dead())
        .map(stat -> living(target, stat))
        .orElseGet(() -> new Ending.Dead(isForced(target)));
  }

  private static boolean isForced(Target target) {
    return target instanceof Signalled(_, Signal last, _) && last == Signal.KILL;
  }

  private static Ending living(Target target, ProcStat stat) {
    return target instanceof Signalled signalled
        ? new Ending.Survived(reason(signalled, stat))
        : new Ending.Spared();
  }

  private static String reason(Signalled target, ProcStat stat) {
    if (!(target.result() instanceof Result.Sent)) {
      return target.result().describe();
    }
    return stat.uninterruptible()
        ? "in an uninterruptible sleep of the kernel (state D); SIGKILL takes effect when it ends"
        : "was sent %s and is not dead yet (state %s)".formatted(target.signal(), stat.state());
  }

  private Duration elapsed() {
    return Duration.ofNanos(System.nanoTime() - start);
  }
}
