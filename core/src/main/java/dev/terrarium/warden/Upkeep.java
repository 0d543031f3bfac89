package dev.terrarium.warden;

/// Looks after what processes need on disk to come to be, and that somebody may have removed from
/// under a living runtime. Never throws: what cannot be mended is logged, and whoever needs it
/// fails with its own words. Threads: any.
public interface Upkeep {
  /// Before a worker or zygote is ordered: so quick that it does not count beside a fork.
  void beforeWorker();

  /// Before a warden takes the place of one that died.
  void beforeWarden();

  /// A process of ours died before it had said hello.
  ///
  /// @return whether something was done about it, so that another try may go better
  boolean afterFailedStart();
}
