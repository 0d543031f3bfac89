package dev.terrarium.pool;

import dev.terrarium.call.PooledWorker;

/// Which workers a [SlotRequest] will do with.
sealed interface Affinity {
  Affinity ANY = new Any();

  /// Whichever has room first.
  record Any() implements Affinity {}

  /// That one where it has room at once, else whichever has room first.
  record Preferred(PooledWorker worker) implements Affinity {}

  /// That one alone. Whoever waits for it keeps nobody else from other workers.
  record Only(PooledWorker worker) implements Affinity {}
}
