package dev.terrarium.warden;

import dev.terrarium.Exit;
import dev.terrarium.StartFailedException.Reason;
import dev.terrarium.process.ProcessIdentity;
import dev.terrarium.wire.Messages;
import dev.terrarium.wire.Messages.SpawnStep;
import java.util.List;
import java.util.Set;

/// Passes what a warden reports on to those whom it concerns, on the loop's thread. They hear of it
/// before the roster does: what an owner could not take in, for want of memory perhaps, he is told
/// anew after the warden's death, and a row that nobody knows of looks like an oversight.
final class WardenReports {
  /// Those in which a process gets what a pool asked for, and nothing else.
  private static final Set<SpawnStep> CONTAINMENT_STEPS =
      Set.of(SpawnStep.CGROUP, SpawnStep.LIMITS);

  private final Roster roster;

  WardenReports(Roster roster) {
    this.roster = roster;
  }

  void pass(long number, Messages.FromWarden report) {
    WorkerProcess process = roster.find(number);
    if (process == null) {
      return; // told already that it is gone
    }
    switch (report) {
      case Messages.Spawned(long pid, long ticks) -> {
        roster.lives(number, new ProcessIdentity(ProcessIdentity.currentBoot(), pid, ticks));
        process.spawned(pid, ticks);
      }
      case Messages.SpawnFailed failed -> {
        if (failed.step() == SpawnStep.ZYGOTE) {
          process.notForked(failed.message());
        } else {
          process.spawnFailed(reason(failed), failed.text());
        }
        roster.forget(number);
      }
      case Messages.Exited exited -> {
        process.exited(exit(exited), exited.stderr(), exited.limit());
        roster.died(number);
      }
      case Messages.Cleared(int strays) -> {
        process.cleared(strays);
        roster.forget(number);
      }
      case Messages.Output output -> process.output(output);
      case Messages.ZygoteReady(List<String> threads, List<String> descriptors, boolean ends) ->
          process.preloaded(threads, descriptors, ends);
      case Messages.Dumped _, Messages.Report _, Messages.Pong _ ->
          throw new IllegalStateException("" + report);
    }
  }

  private static Reason reason(Messages.SpawnFailed failed) {
    return CONTAINMENT_STEPS.contains(failed.step()) ? Reason.CONTAINMENT : Reason.SPAWN;
  }

  private static Exit exit(Messages.Exited exited) {
    Integer signal = exited.signal();
    if (signal != null) {
      return new Exit.Signal(signal);
    }
    Integer code = exited.code();
    return code == null ? new Exit.Unknown("it ended") : new Exit.Status(code);
  }
}
