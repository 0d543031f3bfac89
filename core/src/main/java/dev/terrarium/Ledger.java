package dev.terrarium;

/// What becomes of a worker that cannot be written down, because the disk is full or the directory
/// may not be written.
public enum Ledger {
  /// It is not started, and a runtime that has no place for its ledger does not start.
  REQUIRED,

  /// It is started all the same: should the runtime die together with its warden, its processes are
  /// still found by their birthmark. Where the state directory cannot be written the runtime takes
  /// `terrarium-UID` in the temporary directory, which other runtimes do not look into.
  BEST_EFFORT
}
