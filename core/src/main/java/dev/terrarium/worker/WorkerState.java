package dev.terrarium.worker;

import dev.terrarium.call.StopReason;
import dev.terrarium.call.WorkerChannel;
import dev.terrarium.call.WorkerEnd;
import org.jspecify.annotations.Nullable;

/// Where a worker is in its life. What is known only there is in the state, and nowhere else.
public sealed interface WorkerState {
  /// The process id, 0 as long as the warden has not said it.
  long pid();

  /// How calls reach it; null before it said HELLO.
  @Nullable WorkerChannel channel();

  /// Its row is in the ledger and the warden is asked for the process.
  record Reserved() implements WorkerState {
    @Override
    public long pid() {
      return 0;
    }

    @Override
    public @Nullable WorkerChannel channel() {
      return null;
    }
  }

  /// It said HELLO, and the warden's word of it has not come: a forked one may be quicker.
  ///
  /// @param hungUp why it is to end, where it has closed its connection meanwhile
  record Greeted(WorkerChannel channel, @Nullable StopReason hungUp) implements WorkerState {
    @Override
    public long pid() {
      return 0;
    }
  }

  /// The process exists and has not said HELLO.
  record Starting(long pid) implements WorkerState {
    @Override
    public @Nullable WorkerChannel channel() {
      return null;
    }
  }

  /// It takes calls.
  record Ready(long pid, WorkerChannel channel) implements WorkerState {}

  /// It takes no more calls, and finishes those that it has.
  record Draining(long pid, WorkerChannel channel, StopReason reason) implements WorkerState {}

  /// It is to end.
  ///
  /// @param forced whether it is killed, not asked
  record Stopping(long pid, @Nullable WorkerChannel channel, StopReason reason, boolean forced)
      implements WorkerState {}

  /// It is dead, and what it said before that may still be unread: a result, half a frame, or the
  /// HELLO that says why it exits instead of getting ready.
  ///
  /// @param reason why it ended, as far as that is known
  record Exiting(
      long pid, @Nullable WorkerChannel channel, StopReason reason, WorkerEvent.Exited exited)
      implements WorkerState {}

  /// It is dead.
  record Gone(long pid, @Nullable WorkerChannel channel, WorkerEnd end) implements WorkerState {}
}
