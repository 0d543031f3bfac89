package dev.terrarium.call;

import dev.terrarium.TerrariumException;
import dev.terrarium.ToolInfo;
import dev.terrarium.wire.Messages.CancelReason;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.function.Function;

/// How calls reach one worker that is there, and how their ends come back. Has the calls that the
/// worker has: each until its end has been read, or the worker is gone.
///
/// What comes back goes to the calls themselves and to a [ChannelListener]. Threads: any; nothing
/// blocks.
public interface WorkerChannel {
  /// The tools that the worker offers.
  List<ToolInfo> tools();

  /// Whether the worker may be sent calls ahead of their turn, and gives back those that it has not
  /// begun.
  boolean supportsPipelining();

  /// Whether the worker opens memory files of this process.
  boolean takesMemory();

  /// The worker is alive under this number, and may be shown where this process keeps memory files.
  void ready(long pid);

  /// Takes calls in, so that whoever learns of the worker from a call finds the call here.
  void take(List<? extends Exchange> calls);

  /// Sends calls that were taken in, with as few writes as will do. Where the channel is closed the
  /// worker is about to be gone, and its end answers them.
  void send(List<? extends Exchange> calls);

  /// Asks for calls back. Those that the worker has not begun end as [Outcome.NotBegun].
  void withdraw(List<? extends Exchange> calls);

  /// Asks for a call to be ended; where that does not happen within the pool's `cancelGrace`, the
  /// listener hears that the worker is unresponsive.
  void interrupt(Exchange call, CancelReason reason);

  /// The deadline of a call is over: interrupts it, and gives its caller an error that says where
  /// it was, as soon as that is known.
  void deadlinePassed(Exchange call, Duration deadline);

  /// Asks the worker to end, and its calls first.
  void leave();

  /// Nothing is read or sent any more.
  void close();

  /// Whether frames can still be sent.
  boolean isOpen();

  /// The calls that the worker has.
  Collection<Exchange> calls();

  /// For how long nothing has come from a worker that has calls; zero where it has none.
  Duration silence();

  /// The worker is gone: ends the calls that it had, each known here until it has its outcome.
  ///
  /// @param certain whether that is known to be a death, so that what the worker said before it is
  ///   all that it has done
  void lost(boolean certain, Function<Exchange, TerrariumException> why);
}
