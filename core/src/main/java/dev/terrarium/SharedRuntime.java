package dev.terrarium;

import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// The runtime of all pools that were given none: the first of them starts it, in its own thread,
/// while others that come meanwhile wait for that. There is no lock: whatever a start takes, only
/// those wait who need its outcome.
///
/// Safe for use by many threads.
final class SharedRuntime {
  private final Function<String, Terrarium> starter;
  private final AtomicReference<@Nullable Future<Terrarium>> current = new AtomicReference<>();

  /// @param starter starts a runtime with this interpreter
  SharedRuntime(Function<String, Terrarium> starter) {
    this.starter = starter;
  }

  /// The runtime that is there, or a new one. It expects a pool ([Terrarium#expectPool()]).
  ///
  /// @param python the interpreter of a new one
  /// @throws StartFailedException where it was to be started and could not be
  Terrarium join(String python) {
    while (true) {
      var mine = new FutureTask<>(() -> starter.apply(python));
      Future<Terrarium> others = current.compareAndExchange(null, mine);
      if (others == null) {
        mine.run();
      }
      Future<Terrarium> one = others == null ? mine : others;
      try {
        Terrarium runtime = one.get();
        if (runtime.expectPool()) {
          return runtime;
        }
      } catch (ExecutionException e) {
        if (others == null) {
          current.compareAndSet(mine, null);
          throw failure(e);
        }
        // What somebody else's start lacked, his interpreter perhaps, mine may not.
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new StartFailedException(
            StartFailedException.Reason.CANCELLED, "Interrupted while starting", e);
      }
      current.compareAndSet(one, null);
    }
  }

  private static RuntimeException failure(ExecutionException e) {
    return switch (e.getCause()) {
      case RuntimeException failure -> failure;
      case Error error -> throw error;
      case null, default -> new IllegalStateException(e);
    };
  }

  /// This runtime ends; the next pool starts another.
  void forget(Terrarium ending) {
    Future<Terrarium> one = current.get();
    if (one != null && one.state() == Future.State.SUCCESS && one.resultNow().equals(ending)) {
      current.compareAndSet(one, null);
    }
  }
}
