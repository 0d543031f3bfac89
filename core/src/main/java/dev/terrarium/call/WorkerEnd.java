package dev.terrarium.call;

import dev.terrarium.Exit;

/// The end of a worker.
///
/// @param reason why it ended
/// @param exit how its process ended
/// @param stderrTail the last lines of its standard error; may be empty
public record WorkerEnd(StopReason reason, Exit exit, String stderrTail) {}
