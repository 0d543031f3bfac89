package dev.terrarium.warden;

import dev.terrarium.Exit;
import dev.terrarium.StartFailedException.Reason;
import dev.terrarium.process.ProcessIdentity;
import dev.terrarium.process.ProcessKiller;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;

/// The processes whose warden is gone, and what their owners have yet to hear of them. An owner who
/// could not be told, for want of memory perhaps, keeps nobody else from hearing, and is told with
/// the next try.
///
/// Not thread-safe.
final class Orphaned {
  private final Map<Long, WorkerProcess> untold;
  private final Map<Long, WorkerProcess> uncleared;

  private final List<ProcessIdentity> unrecorded;

  Orphaned(Roster.All all) {
    this.unrecorded = new ArrayList<>(all.alive());
    this.untold = new LinkedHashMap<>(all.processes());
    this.untold.keySet().removeAll(all.dead());
    this.uncleared = new LinkedHashMap<>(all.processes());
  }

  int count() {
    return uncleared.size();
  }

  /// Tells each owner that its process is dead.
  ///
  /// @throws IllegalStateException where some could not be told; all others have been
  void tellOfDeath(String how) {
    tell(untold, Map.copyOf(untold), process -> process.exited(new Exit.Unknown(how), "", ""));
  }

  /// Tells each owner that there will be no process.
  ///
  /// @throws IllegalStateException where some could not be told; all others have been
  void refuse(String why) {
    tell(untold, Map.copyOf(untold), process -> process.spawnFailed(Reason.WARDEN, why));
  }

  /// Of these something is left: their rows stay in the ledger, where the auditor looks after them.
  void keep(Set<Long> left) {
    uncleared.keySet().removeAll(left);
  }

  /// Leaves the trace of deaths that nobody sent a signal for.
  void record(ProcessKiller audit, String how) {
    while (!unrecorded.isEmpty()) {
      audit.recordExit(unrecorded.getFirst(), how);
      unrecorded.removeFirst();
    }
  }

  /// Tells each owner what he does not know yet: that his process is dead, and that nothing is left
  /// of it.
  ///
  /// @throws IllegalStateException where some could not be told; all others have been
  void tell(String how) {
    tellOfDeath(how);
    tell(uncleared, Map.copyOf(uncleared), process -> process.cleared(0));
  }

  private static void tell(
      Map<Long, WorkerProcess> waiting,
      Map<Long, WorkerProcess> due,
      Consumer<WorkerProcess> message) {
    Throwable failure = null;
    for (long number : List.copyOf(due.keySet())) {
      try {
        message.accept(due.get(number));
        waiting.remove(number);
      } catch (RuntimeException | Error e) {
        failure = e;
      }
    }
    if (failure != null) {
      throw new IllegalStateException(
          "%d of %d owners could not be told".formatted(waiting.size(), due.size()), failure);
    }
  }
}
