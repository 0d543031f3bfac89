package dev.terrarium.orphan;

import dev.terrarium.Ending;
import dev.terrarium.process.Birthmark;
import dev.terrarium.process.Machine;
import dev.terrarium.process.ProcessIdentity;
import dev.terrarium.process.ProcessKiller;
import dev.terrarium.process.ProcessKiller.Result;
import dev.terrarium.process.Signal;
import dev.terrarium.warden.Decoy;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/// Whether the detection of orphans can be relied upon on this machine: tried out on a process that
/// is there for nothing else.
public final class DetectionCheck {
  private static final String WHY = "self-test of the detection";

  private DetectionCheck() {}

  /// The outcome.
  public enum Status {
    /// All that is needed is there, and the self-test passed.
    OK,
    /// The self-test passed, but a process of a living run does not descend from its host.
    SUSPICIOUS,
    /// Something that is needed is missing, or the self-test failed.
    FAILED
  }

  /// The outcome, with what it rests on.
  ///
  /// @param processes how many processes bear a mark that is known here
  /// @param activeWorkers how many of them are workers at work
  /// @param verdicts one for each of them
  /// @param machine what this machine offers
  public record Validation(
      Status status,
      int processes,
      int activeWorkers,
      List<Verdict> verdicts,
      List<Machine.Feature> machine,
      SelfTest selfTest) {
    public Validation {
      verdicts = List.copyOf(verdicts);
      machine = List.copyOf(machine);
    }
  }

  /// What came of trying it out.
  public sealed interface SelfTest {
    /// The process was found by its mark, and ended by nothing else.
    record Passed() implements SelfTest {}

    /// It was not found, or could not be ended.
    ///
    /// @param why for people
    record Failed(String why) implements SelfTest {}
  }

  /// What was found of one process.
  ///
  /// @param proved whether mark, lock and ancestry agree
  /// @param why for people
  public record Verdict(long pid, boolean proved, String why) {}

  static Validation of(Survey survey, ProcessKiller killer, int activeWorkers) {
    List<Verdict> verdicts =
        Stream.concat(
                survey.active().stream().map(DetectionCheck::verdict),
                survey.orphans().stream().map(DetectionCheck::verdict))
            .toList();
    List<Machine.Feature> machine = Machine.features();
    SelfTest selfTest = selfTest(killer);
    return new Validation(
        status(verdicts, machine, selfTest),
        verdicts.size(),
        activeWorkers,
        verdicts,
        machine,
        selfTest);
  }

  private static Status status(
      List<Verdict> verdicts, List<Machine.Feature> machine, SelfTest selfTest) {
    boolean fit =
        machine.stream()
            .filter(feature -> List.of("pidfd", "proc", "birthmark").contains(feature.name()))
            .allMatch(Machine.Feature::available);
    if (!fit || selfTest instanceof SelfTest.Failed) {
      return Status.FAILED;
    }
    return verdicts.stream().allMatch(Verdict::proved) ? Status.OK : Status.SUSPICIOUS;
  }

  private static Verdict verdict(Survey.Active active) {
    long pid = active.stat().pid();
    return active.run().isAbove(active.stat())
        ? new Verdict(pid, true, "at work: its run's lock is held, and its host is above it")
        : new Verdict(
            pid,
            false,
            "its run's lock is held, but its host is not above it; its warden may have died just"
                + " now");
  }

  private static Verdict verdict(Survey.Orphan orphan) {
    return new Verdict(orphan.process().pid(), true, "orphan: " + orphan.process().proof());
  }

  /// A process that bears a mark is found by it, is not touched for another mark, and is ended for
  /// its own.
  private static SelfTest selfTest(ProcessKiller killer) {
    Optional<Birthmark> mark = Birthmark.choose().chosen();
    if (mark.isEmpty()) {
      return new SelfTest.Failed("there is no birthmark to try");
    }
    try (Decoy decoy = Decoy.start()) {
      Optional<ProcessIdentity> identity = decoy.identity();
      return identity.isEmpty()
          ? new SelfTest.Failed("the child ended at once")
          : tryOut(decoy, identity.get(), killer, mark.get());
    } catch (IOException e) {
      return new SelfTest.Failed("no child could be started: " + e.getMessage());
    }
  }

  private static SelfTest tryOut(
      Decoy decoy, ProcessIdentity child, ProcessKiller killer, Birthmark mark) {
    if (killer.signal(child, mark, Signal.KILL, WHY) instanceof Result.Sent) {
      return new SelfTest.Failed("a process without the mark was signalled");
    }
    if (!decoy.mark(mark)) {
      return new SelfTest.Failed("the kernel lets no process be marked");
    }
    if (!mark.bears(child.pid())) {
      return new SelfTest.Failed("the mark cannot be read");
    }
    ProcessKiller.Escalation end = killer.escalate(child, mark, Duration.ofSeconds(1), WHY);
    return end.ending() instanceof Ending.Survived(String why)
        ? new SelfTest.Failed("the child did not die: " + why)
        : new SelfTest.Passed();
  }
}
