package dev.terrarium.process;

import java.util.List;

/// A process that bears a birthmark.
///
/// @param mark the run's number, and the worker's
/// @param command its command line, for people
public record Bearer(ProcessIdentity identity, Birthmark.Mark mark, List<String> command) {
  public Bearer {
    command = List.copyOf(command);
  }

  /// With the command line that it has now.
  public static Bearer of(ProcessIdentity identity, Birthmark.Mark mark) {
    return new Bearer(identity, mark, ProcFs.commandLine(identity.pid()));
  }
}
