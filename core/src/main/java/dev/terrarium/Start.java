package dev.terrarium;

/// How a pool's workers come to be.
public enum Start {
  /// Forked by the pool's zygote, a process that has imported the adapter: a millisecond each, and
  /// what was imported is in memory once. Where an import leaves threads running, which makes
  /// forking unsafe, the pool says so and goes on as [#EXEC].
  ZYGOTE,

  /// Each a new interpreter that imports the adapter for itself.
  EXEC
}
