package dev.terrarium.pool;

/// What a pool's stats take from its runtime; see [dev.terrarium.PoolStats].
public record PoolFigures(int ledgerRows, int processes, long cleanupActivations) {}
