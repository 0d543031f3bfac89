package dev.terrarium.process;

import java.nio.file.Path;
import java.time.Instant;

/// Where each signal that was sent, or was not, leaves its line.
@FunctionalInterface
public interface AuditLog {
  /// The name of the file, in a run's directory and in the state directory.
  String FILE = "audit.jsonl";

  /// The newer of the two files is begun anew beyond this size: of a run.
  long RUN_BYTES_MAX = 1 << 20;

  /// The same, of the state directory, where the lines of all runs that are gone come together.
  long STATE_BYTES_MAX = 4 << 20;

  /// What is set aside when the file is full.
  String OLDER_FILE = FILE + ".1";

  /// One signal.
  ///
  /// @param by who asked
  /// @param target what was signalled: a `process`, or all that is in a `cgroup`
  /// @param why for what reason
  /// @param ticks start ticks of the process that was meant
  /// @param proof what was demanded before it was sent
  /// @param outcome what came of it
  record Entry(
      Instant time,
      String by,
      String target,
      String why,
      long pid,
      long ticks,
      String proof,
      Signal signal,
      String outcome) {}

  /// A death that nobody here sent a signal for: by lifeline, or by `PR_SET_PDEATHSIG`.
  ///
  /// @param ticks start ticks of the process
  /// @param how for people
  record Exit(Instant time, String by, long pid, long ticks, String how) {}

  /// Never throws: a full disk must not save an orphan.
  void write(Entry entry);

  /// As [#write(Entry)].
  default void write(Exit exit) {}

  /// In a run's directory, where the warden appends as well.
  static AuditLog ofRun(Path directory, String run) {
    return new FileAuditLog(directory.resolve(FILE), run, RUN_BYTES_MAX);
  }

  /// In the state directory, for whoever has no run.
  ///
  /// @param who stands in the place of a run
  static AuditLog ofNoRun(Path stateDirectory, String who) {
    return new FileAuditLog(stateDirectory.resolve(FILE), who, STATE_BYTES_MAX);
  }
}
