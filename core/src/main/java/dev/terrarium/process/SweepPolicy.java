package dev.terrarium.process;

import java.time.Duration;
import java.util.Comparator;
import java.util.function.Predicate;

/// How a sweep treats what it finds.
///
/// @param first what each process gets first
/// @param grace how long after the first look at all processes what is still there gets SIGKILL;
///   zero: at once
/// @param order who of those that one look finds is first
/// @param spared who is left alone after all, though it is proved to be ours; asked once for each
public record SweepPolicy(Signal first, Duration grace, Order order, Predicate<Bearer> spared) {
  /// SIGKILL for all, as they are found.
  public static final SweepPolicy AT_ONCE =
      new SweepPolicy(Signal.KILL, Duration.ZERO, Order.ANY, _ -> false);

  /// Who is first.
  public enum Order {
    /// As they are found, without waiting for the end of the look.
    ANY,
    /// Parents before what they started.
    OLDEST_FIRST,
    /// What they started before parents.
    NEWEST_FIRST;

    /// Empty where it does not matter.
    Comparator<ProcStat> comparator() {
      Comparator<ProcStat> byAge = Comparator.comparingLong(ProcStat::startTicks);
      return this == NEWEST_FIRST ? byAge.reversed() : byAge;
    }
  }

  /// The signal for what is there so long after the first look.
  Signal after(Duration elapsed) {
    return elapsed.compareTo(grace) < 0 ? first : Signal.KILL;
  }
}
