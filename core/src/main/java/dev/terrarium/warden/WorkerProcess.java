package dev.terrarium.warden;

import dev.terrarium.Exit;
import dev.terrarium.StartFailedException.Reason;
import dev.terrarium.wire.Messages;
import java.util.List;

/// What the warden reports of one process, in this order: `spawned`, `spawnFailed` or `notForked`;
/// after `spawned` once `exited`, then once `cleared`. Called on the loop's or the warden keeper's
/// thread; must not block.
public interface WorkerProcess {
  /// The process exists.
  void spawned(long pid, long startTicks);

  /// It does not, and never did.
  void spawnFailed(Reason reason, String why);

  /// As [#spawnFailed], because its zygote could not fork it: it is gone, or has threads. Another
  /// try is worth while.
  default void notForked(String why) {
    spawnFailed(Reason.SPAWN, why);
  }

  /// It is a zygote, and has imported the adapter, or forks nobody any more.
  ///
  /// @param threads empty where it forks; else those that keep it from forking
  /// @param descriptors the same of descriptors that are open
  /// @param ends whether it forks nobody any more, and ends when those that it has forked have
  default void preloaded(List<String> threads, List<String> descriptors, boolean ends) {}

  /// It is dead. What it has started may live for a moment more.
  ///
  /// @param stderrTail at most its last 50 lines
  /// @param limit which of its limits it died of, for people; mostly empty
  void exited(Exit exit, String stderrTail, String limit);

  /// Nothing that it left behind is alive any more.
  ///
  /// @param strays how many processes had to be killed for that
  void cleared(int strays);

  /// Lines that it printed.
  void output(Messages.Output output);
}
