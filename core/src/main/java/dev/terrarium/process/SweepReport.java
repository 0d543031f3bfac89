package dev.terrarium.process;

import java.time.Duration;
import java.util.List;

/// What a sweep found and what became of it.
///
/// @param found every process that bore one of the numbers
/// @param complete nothing that can be killed was there in two looks in a row; false where the time
///   was up first
public record SweepReport(List<Found> found, boolean complete, Duration took) {
  /// A process that bore the number.
  ///
  /// @param mark the run's number, and the worker's
  /// @param command its command line, for people
  /// @param forced it was to get SIGKILL
  /// @param spared whoever was asked wants to keep it
  /// @param left empty where it is proved dead, else why it is not
  public record Found(
      ProcessIdentity identity,
      Birthmark.Mark mark,
      List<String> command,
      boolean forced,
      boolean spared,
      String left) {
    public Found {
      command = List.copyOf(command);
    }

    public boolean dead() {
      return left.isEmpty();
    }
  }

  public SweepReport {
    found = List.copyOf(found);
  }

  public long killed() {
    return found.stream().filter(Found::dead).count();
  }

  public List<Found> left() {
    return found.stream().filter(process -> !process.dead()).toList();
  }

  /// Nothing is left and nothing can be hiding.
  public boolean clear() {
    return complete && left().isEmpty();
  }

  /// The part that concerns one run.
  public SweepReport of(Birthmark birthmark) {
    return new SweepReport(
        found.stream().filter(process -> process.mark().run() == birthmark.run()).toList(),
        complete,
        took);
  }
}
