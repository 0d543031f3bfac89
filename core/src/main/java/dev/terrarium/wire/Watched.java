package dev.terrarium.wire;

import org.jspecify.annotations.Nullable;

/// What a selection key is for: its attachment. Both methods run on the loop's thread only.
abstract class Watched {
  /// The channel can do something that its key asked for.
  abstract void ready();

  /// Closes the channel and tells whom it concerns; harmless when repeated.
  ///
  /// @param why what went wrong, `null` if nothing did
  abstract void end(@Nullable ProtocolException why);
}
