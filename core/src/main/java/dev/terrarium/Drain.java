package dev.terrarium;

/// Which calls a shutdown still lets finish. New ones it refuses in any case.
public enum Drain {
  /// Those that a worker has. Those that wait for one are refused at once.
  RUNNING,
  /// Those that wait for a worker as well.
  ALL
}
