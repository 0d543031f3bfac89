package dev.terrarium.process;

import dev.terrarium.Ending;
import java.time.Duration;
import java.util.List;

/// What a sweep found and what became of it.
///
/// @param found every process that bore one of the numbers
/// @param complete nothing that can be killed was there in two looks in a row; false where the time
///   was up first
public record SweepReport(List<Found> found, boolean complete, Duration took) {
  /// A process that bore one of the numbers, and what became of it.
  public record Found(Bearer bearer, Ending ending) {
    boolean isDead() {
      return ending instanceof Ending.Dead;
    }
  }

  public SweepReport {
    found = List.copyOf(found);
  }

  public long killed() {
    return found.stream().filter(Found::isDead).count();
  }

  public List<Found> left() {
    return found.stream().filter(process -> !process.isDead()).toList();
  }

  /// Nothing is left and nothing can be hiding.
  public boolean clear() {
    return complete && left().isEmpty();
  }

  /// The part that concerns one run.
  public SweepReport of(Birthmark birthmark) {
    return new SweepReport(
        found.stream().filter(process -> process.bearer().mark().run() == birthmark.run()).toList(),
        complete,
        took);
  }
}
