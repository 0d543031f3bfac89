package dev.terrarium.worker;

import dev.terrarium.StartFailedException;
import org.jspecify.annotations.Nullable;

/// Why a worker ends. The first reason stays: what follows (a SIGKILL, an EOF) is its consequence.
///
/// @param detail for messages; may be empty
/// @param startFailure what kept it from getting ready, for [Cause#START_FAILED]
/// @param stacks of Python at that moment, where it took too long and they are known; else empty
public record End(
    Cause cause, String detail, StartFailedException.@Nullable Reason startFailure, String stacks) {
  /// Kinds of reasons.
  public enum Cause {
    /// The pool closes, or does not need it any more.
    ASKED,
    /// It never became ready.
    START_FAILED,
    /// It never existed: the zygote that was to fork it was gone. Another is to take its place.
    NOT_FORKED,
    /// A cancelled call did not end.
    UNRESPONSIVE,
    /// It broke the wire's protocol.
    PROTOCOL,
    /// Its connection closed while it was alive.
    DISCONNECTED,
    /// It ended without being asked.
    CRASHED
  }

  static End of(Cause cause, String detail) {
    return new End(cause, detail, null, "");
  }

  /// The same, and something else that is known.
  End and(String more) {
    return new End(cause, detail + "; " + more, startFailure, stacks);
  }

  static End startFailed(StartFailedException.Reason reason, String detail) {
    return new End(Cause.START_FAILED, detail, reason, "");
  }

  static End startTimedOut(String detail, String stacks) {
    return new End(Cause.START_FAILED, detail, StartFailedException.Reason.TIMED_OUT, stacks);
  }
}
