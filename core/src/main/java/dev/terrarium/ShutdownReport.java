package dev.terrarium;

import java.time.Duration;

/// What a shutdown did to the calls that it found. Each of them has had its one outcome.
///
/// @param finished calls that workers have ended while it waited, with a result or an error
/// @param refused calls that waited for a worker, and failed with [PoolClosedException] at once
/// @param cutOff calls that were not over when its time was, and failed with [PoolClosedException]
/// @param took all of it, the end of the workers included
public record ShutdownReport(long finished, long refused, long cutOff, Duration took) {}
