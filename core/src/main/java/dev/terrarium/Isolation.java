package dev.terrarium;

/// What may hold a pool's processes together beside what always does. Each is to be asked for, and
/// what is asked for and not to be had is a [StartFailedException] that says what is missing.
public enum Isolation {
  /// A cgroup (version 2) for each worker, whose `cgroup.kill` is the last word on it.
  CGROUP,

  /// A PID namespace for the pool: nothing can leave it, also when JVM and warden die in the same
  /// instant.
  PID_NAMESPACE
}
