package dev.terrarium.process;

import java.nio.file.Path;
import java.time.Instant;

/// Where each signal that was sent, or was not, leaves its line.
@FunctionalInterface
public interface AuditLog {
  /// One signal.
  ///
  /// @param by who asked
  /// @param why for what reason
  /// @param ticks start ticks of the process that was meant
  /// @param proof what was demanded before it was sent
  /// @param outcome what came of it
  record Entry(
      Instant time,
      String by,
      String why,
      long pid,
      long ticks,
      String proof,
      Signal signal,
      String outcome) {}

  /// Never throws: a full disk must not save an orphan.
  void write(Entry entry);

  /// `audit.jsonl` in a run's directory, which the warden appends to as well.
  static AuditLog in(Path directory) {
    return new FileAuditLog(directory.resolve("audit.jsonl"));
  }
}
