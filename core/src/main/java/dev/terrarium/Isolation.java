package dev.terrarium;

/// What may hold a pool's processes together beside what always does. Each is to be asked for, and
/// what is asked for and not to be had is a [StartFailedException] that says what is missing.
public enum Isolation {
  /// A cgroup (version 2) for each worker with all that it starts, whose `cgroup.kill` is the last
  /// word on it. Needs Linux 5.14, and a cgroup that this user can write: the JVM's own, or the one
  /// that the system property `terrarium.cgroup` names. With it [PoolBuilder#limits] can hold
  /// workers to memory and processors, too.
  CGROUP,

  /// A PID namespace for the pool: nothing can leave it, and it ends with its first process, also
  /// when JVM and warden die in the same instant. Root makes one directly, everybody else by way of
  /// a user namespace. Inside, processes have other numbers; large values travel in frames. Goes
  /// together with [#CGROUP].
  PID_NAMESPACE
}
