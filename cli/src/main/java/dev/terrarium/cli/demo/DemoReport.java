package dev.terrarium.cli.demo;

import java.util.List;
import java.util.OptionalLong;

/// What the demo has to tell, to people or to programs.
interface DemoReport {
  /// The pool is ready.
  record Started(int workers, String python, String folder, long millis) {}

  /// The library is parsed.
  ///
  /// @param files how many were given to the workers, those included that are not Python
  /// @param emptyCallsPerSecond how many calls a second there are when there is no work in them
  /// @param workerBytes mean proportional memory of a worker, where the kernel tells
  record Parsed(
      int files, Summary summary, long millis, long emptyCallsPerSecond, OptionalLong workerBytes) {
    int skipped() {
      return files - summary.modules().size();
    }

    long callsPerSecond() {
      return files * 1000L / Math.max(1, millis);
    }
  }

  /// The second JVM is about to be killed.
  ///
  /// @param processes all that are there, the JVM included
  /// @param helpers processes of Terrarium's own, such as the warden
  record Busy(int processes, int workers, int helpers) {
    int children() {
      return processes - 1 - workers - helpers;
    }
  }

  /// The second JVM is dead.
  ///
  /// @param left what is still there, as a person would look for it
  record Killed(int before, List<String> left, long millis) {}

  void firstAct(int workers);

  void started(Started started);

  void parsed(Parsed parsed);

  void secondAct(int workers);

  void busy(Busy busy);

  void killed(Killed killed);
}
