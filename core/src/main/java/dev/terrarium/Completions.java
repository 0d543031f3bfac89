package dev.terrarium;

import dev.terrarium.base.Log;
import java.time.Duration;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/// The threads that complete the futures of calls, and so run what depends on them: our own, since
/// virtual ones wait behind whatever the program computes on its own virtual threads. One for all
/// runtimes of this JVM.
///
/// A thread that is idle is used first, then a new one is made, up to [#THREADS_MAX]; beyond them
/// completions wait for one another. Where no thread can be made they wait for one that is there,
/// and where there is none they are done on the spot.
final class Completions {
  /// How many there are at most: who depends on a future may block, but not for ever.
  static final int THREADS_MAX = 256;

  /// How long one waits for its next completion before it ends.
  static final Duration IDLE = Duration.ofMillis(200);

  private static final Log LOG = Log.of(Completions.class);
  private static final Completions SHARED =
      new Completions(
          THREADS_MAX, Thread.ofPlatform().daemon().name("terrarium-completion-", 1)::unstarted);

  /// Those that wait or run.
  private final AtomicInteger pending = new AtomicInteger();

  private final Waiting waiting = new Waiting();
  private final ThreadPoolExecutor threads;

  Completions(int threadsMax, ThreadFactory maker) {
    threads =
        new ThreadPoolExecutor(
            0, threadsMax, IDLE.toMillis(), TimeUnit.MILLISECONDS, waiting, maker);
  }

  static Completions shared() {
    return SHARED;
  }

  /// Runs a completion, now or soon. Never fails.
  void run(Runnable completion) {
    pending.incrementAndGet();
    try {
      threads.execute(() -> done(completion));
    } catch (RejectedExecutionException | OutOfMemoryError e) {
      later(completion);
    }
  }

  private void done(Runnable completion) {
    try {
      completion.run();
    } catch (Throwable e) {
      LOG.error("A completion failed", e);
    } finally {
      pending.decrementAndGet();
    }
  }

  private void later(Runnable completion) {
    boolean waits = false;
    try {
      waits = threads.getPoolSize() > 0 && waiting.wait(() -> done(completion));
    } catch (OutOfMemoryError e) {
      // nothing to wait with
    }
    if (!waits) {
      done(completion);
    } else if (threads.getPoolSize() == 0) { // the last one ended meanwhile
      for (Runnable next = waiting.poll(); next != null; next = waiting.poll()) {
        next.run();
      }
    }
  }

  /// Takes what an idle thread will run; refuses otherwise, so that a thread is made.
  private final class Waiting extends LinkedBlockingQueue<Runnable> {
    private static final long serialVersionUID = 1L;

    @Override
    public boolean offer(Runnable completion) {
      return pending.get() <= threads.getPoolSize() && super.offer(completion);
    }

    boolean wait(Runnable completion) {
      return super.offer(completion);
    }
  }
}
