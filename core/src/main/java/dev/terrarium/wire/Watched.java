package dev.terrarium.wire;

import org.jspecify.annotations.Nullable;

/// What a selection key is for: its attachment. Both methods run on the loop's thread only.
abstract class Watched {
  private volatile boolean doomed;
  private @Nullable Watched nextDoomed;

  /// The channel can do something that its key asked for.
  abstract void ready();

  /// Closes the channel and tells whom it concerns; harmless when repeated.
  ///
  /// @param why what went wrong, `null` if nothing did
  abstract void end(@Nullable ProtocolException why);

  /// It is to be ended as soon as there is memory for that, and is not to be read meanwhile.
  ///
  /// @param next who is to be ended after it
  void doom(@Nullable Watched next) {
    nextDoomed = next;
    doomed = true;
  }

  @Nullable Watched nextDoomed() {
    return nextDoomed;
  }

  boolean isDoomed() {
    return doomed;
  }
}
