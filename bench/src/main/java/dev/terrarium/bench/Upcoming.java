package dev.terrarium.bench;

import dev.terrarium.Pool;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// What the library does not offer yet and the bench measures already. Each method becomes one line
/// where it is called, and then this class goes.
@SuppressWarnings("DoNotCallSuggester")
final class Upcoming {
  private Upcoming() {}

  /// Bytes of a result that live as long as the arena.
  static MemorySegment segment(Pool pool, long size, Arena arena) {
    throw new UnsupportedOperationException("results as MemorySegment are not in this build");
  }
}
