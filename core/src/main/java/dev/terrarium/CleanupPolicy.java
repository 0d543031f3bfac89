package dev.terrarium;

import static java.util.Objects.requireNonNull;

import java.time.Duration;
import java.util.function.Predicate;

/// What is done about processes of dead runtimes: at a start, by the timer of a running runtime,
/// and when asked for.
///
/// A living runtime's own processes are none of its business: those end with their workers, and
/// with the runtime.
///
/// Immutable. The defaults are those of [#defaults()]; the functions are called on the thread that
/// cleans up.
///
/// @param onOrphan what becomes of an orphan; by default [OnOrphan#KILL]
/// @param firstSignal what it gets first; by default SIGTERM
/// @param grace how long it may then take before it gets SIGKILL; by default 2 s; zero: SIGKILL at
///   once. All that are found together, in up to 64 dead runs, share one grace
/// @param order who is first of those that are found together; by default [Order#ANY]
/// @param veto spares the orphans for which it answers true; asked once for each, by one thread,
///   and not while it is asked already. One that throws spares. By default nobody is spared
/// @param answer with [OnOrphan#ASK] decides for each: true ends it. One that throws spares. By
///   default false, and not asked
public record CleanupPolicy(
    OnOrphan onOrphan,
    FirstSignal firstSignal,
    Duration grace,
    Order order,
    Predicate<OrphanProcess> veto,
    Predicate<OrphanProcess> answer) {
  /// What becomes of an orphan.
  public enum OnOrphan {
    /// It is ended.
    KILL,
    /// It is reported, and nothing is sent: a dry run.
    REPORT,
    /// As the answer says.
    ASK
  }

  /// The signals to begin with.
  public enum FirstSignal {
    TERM,
    INT,
    HUP,
    QUIT,
    KILL
  }

  /// Who is first.
  public enum Order {
    /// As they are found; the fastest.
    ANY,
    /// Parents before what they started.
    OLDEST_FIRST,
    /// What they started before parents.
    NEWEST_FIRST
  }

  public CleanupPolicy {
    requireNonNull(onOrphan, "onOrphan");
    requireNonNull(firstSignal, "firstSignal");
    requireNonNull(grace, "grace");
    requireNonNull(order, "order");
    requireNonNull(veto, "veto");
    requireNonNull(answer, "answer");
    Problems problems = new Problems("cleanup policy");
    problems.check(!grace.isNegative(), "grace must not be negative: " + grace);
    problems.throwIfAny();
  }

  /// SIGTERM, after 2 s SIGKILL, and nobody is spared.
  public static CleanupPolicy defaults() {
    return new CleanupPolicy(
        OnOrphan.KILL, FirstSignal.TERM, Duration.ofSeconds(2), Order.ANY, _ -> false, _ -> false);
  }

  /// Nothing is sent.
  public CleanupPolicy reportOnly() {
    return new CleanupPolicy(OnOrphan.REPORT, firstSignal, grace, order, veto, answer);
  }

  /// Each orphan is ended only where `answer` says so.
  public CleanupPolicy asking(Predicate<OrphanProcess> answer) {
    return new CleanupPolicy(OnOrphan.ASK, firstSignal, grace, order, veto, answer);
  }

  /// This policy with another first signal. With [FirstSignal#KILL] there is no grace.
  public CleanupPolicy withFirstSignal(FirstSignal firstSignal) {
    return new CleanupPolicy(onOrphan, firstSignal, grace, order, veto, answer);
  }

  /// This policy with another grace between the first signal and SIGKILL; zero: SIGKILL at once. A
  /// runtime's start may wait for it.
  ///
  /// @throws IllegalArgumentException if it is negative
  public CleanupPolicy withGrace(Duration grace) {
    return new CleanupPolicy(onOrphan, firstSignal, grace, order, veto, answer);
  }

  /// This policy with another order.
  public CleanupPolicy withOrder(Order order) {
    return new CleanupPolicy(onOrphan, firstSignal, grace, order, veto, answer);
  }

  /// This policy with a veto in place of the one it had: spares those for which it answers true.
  public CleanupPolicy withVeto(Predicate<OrphanProcess> veto) {
    return new CleanupPolicy(onOrphan, firstSignal, grace, order, veto, answer);
  }
}
