package dev.terrarium.orphan;

import dev.terrarium.OrphanProcess;
import java.util.List;

/// What is ours on this machine, by the state directory that was looked at.
///
/// @param registry the ledgers of the runs that live
/// @param orphanedProcesses how many processes of dead runs there are
/// @param totalWorkerProcesses workers and what they started, alive and orphaned; no wardens, no
///   zygotes
/// @param health by the share of orphans
/// @param orphanDetails each orphan
public record SystemStatus(
    Registry registry,
    int orphanedProcesses,
    int totalWorkerProcesses,
    Health health,
    List<OrphanProcess> orphanDetails) {
  public SystemStatus {
    orphanDetails = List.copyOf(orphanDetails);
  }

  /// The ledgers of the runs that live, zygotes left out.
  ///
  /// @param totalRegistered rows, reserved ones included
  /// @param aliveWorkers rows whose process lives
  /// @param deadWorkers rows whose process is dead, or not there yet
  /// @param activePids the processes of those that live
  public record Registry(
      int totalRegistered, int aliveWorkers, int deadWorkers, List<Long> activePids) {
    public Registry {
      activePids = List.copyOf(activePids);
    }
  }

  /// How much of what is there is orphaned.
  public enum Health {
    /// Nothing.
    HEALTHY,
    /// Less than 10 %.
    GOOD,
    /// Less than 30 %.
    DEGRADED,
    /// 30 % and more.
    CRITICAL;

    private static final double GOOD_BELOW = 0.1;
    private static final double DEGRADED_BELOW = 0.3;

    static Health of(int orphans, int total) {
      if (orphans == 0) {
        return HEALTHY;
      }
      double share = (double) orphans / Math.max(orphans, total);
      return share < GOOD_BELOW ? GOOD : share < DEGRADED_BELOW ? DEGRADED : CRITICAL;
    }
  }
}
