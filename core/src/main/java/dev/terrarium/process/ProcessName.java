package dev.terrarium.process;

/// The name of a process of a pool, for people: in logs, errors, command lines and the names of log
/// files. Programs go by the number that a process bears and by its role; nobody takes a name
/// apart.
///
/// No two processes of a runtime have the same: the name of a worker ends in a hyphen and digits,
/// that of a zygote never does, and both go on from the last hyphen with what tells them from
/// others of their pool ([ProcessNames]).
///
/// @param serial which of its role it is in its pool, from 1
public record ProcessName(String pool, Role role, long serial) {
  /// What a process of a pool is there for.
  public enum Role {
    /// It runs the adapter's tools.
    WORKER,
    /// It has imported the adapter, and forks workers.
    ZYGOTE
  }

  public static ProcessName worker(String pool, long serial) {
    return new ProcessName(pool, Role.WORKER, serial);
  }

  public static ProcessName zygote(String pool, long serial) {
    return new ProcessName(pool, Role.ZYGOTE, serial);
  }

  /// `textstats-3`, or `textstats-zygote.1`.
  @Override
  public String toString() {
    return pool + (role == Role.ZYGOTE ? "-zygote." : "-") + serial;
  }
}
