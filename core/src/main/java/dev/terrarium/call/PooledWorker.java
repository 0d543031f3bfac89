package dev.terrarium.call;

import dev.terrarium.PoolStats;
import dev.terrarium.ToolInfo;
import dev.terrarium.WorkerDiedException;
import dev.terrarium.wire.Messages.CancelReason;
import dev.terrarium.wire.ProtocolException;
import java.time.Duration;
import java.util.List;
import java.util.function.BiConsumer;

/// What a pool needs of a worker: somebody with an id who takes calls, gives some back, and ends.
/// Whether that is a process, and how calls get there, a pool does not know.
///
/// What becomes of it, it tells its [WorkerListener]. Threads: any; nothing blocks.
public interface PooledWorker {
  String id();

  /// The process id, 0 before there is one.
  long pid();

  /// The process, with what it has used.
  PoolStats.WorkerInfo info();

  /// The tools that it offers; none before it is ready.
  List<ToolInfo> tools();

  /// Whether it opens memory files of this process.
  boolean takesMemory();

  /// Whether it may be sent calls ahead of their turn, and gives back those that it has not begun.
  boolean supportsPipelining();

  /// Whether it takes calls now.
  boolean isReady();

  /// Whether it is dead, or never was alive.
  boolean isGone();

  /// How many calls it has whose callers still wait.
  long callsInFlight();

  /// How many calls it has answered.
  long served();

  /// Brings it to life; its listener hears how that ends.
  void start();

  /// Sends calls that follow each other, with as few writes as will do.
  ///
  /// @return false where the worker takes none; the calls are then untouched
  boolean submit(List<? extends Exchange> calls);

  /// Asks for calls back. Those that it has not begun end as [Outcome.NotBegun]; the others go on.
  void withdraw(List<? extends Exchange> calls);

  /// Asks for a call to be ended; where that does not happen in time, the worker is ended.
  void interrupt(Exchange call, CancelReason reason);

  /// The deadline of one of its calls is over: interrupts the call, and gives its caller an error
  /// that says where it was, as soon as that is known.
  void deadlinePassed(Exchange call, Duration deadline);

  /// The result of one of its calls is no value, which only the caller notices, who decodes it: the
  /// worker is ended.
  ///
  /// @return what the caller is to throw
  WorkerDiedException brokeProtocol(Exchange call, ProtocolException why);

  /// Asks it to end; where it does not in time, it is ended. With [StopReason.PoolClosed] its
  /// callers are told at once.
  void stop(StopReason why);

  /// Its pool has ended, and its own end has not been reported: ends what calls it has.
  void abandon();

  /// Ends it where it has calls and said nothing for too long.
  ///
  /// @param told the worker, and the stacks of Python
  void endIfStuck(BiConsumer<PooledWorker, String> told);

  /// Does what was left half-done because there was no memory, or no thread, for it; from time to
  /// time. Each step may be done twice.
  void mend();
}
