package dev.terrarium;

import dev.terrarium.base.Log;
import java.time.Duration;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

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

  /// What waited longest when [#mend] looked last.
  private volatile @Nullable Runnable seen;

  Completions(int threadsMax, ThreadFactory maker) {
    threads =
        new ThreadPoolExecutor(
            0, threadsMax, IDLE.toMillis(), TimeUnit.MILLISECONDS, waiting, maker);
  }

  static Completions shared() {
    return SHARED;
  }

  /// Makes ready what is to be run later, when there may be no memory left to make anything with.
  Completion prepare(Runnable work) {
    return new Completion(work);
  }

  /// Sees to those whose thread has ended, for want of memory, before it came to them. By a
  /// watchdog, from time to time; does not block, and never fails.
  void mend() {
    Runnable first = waiting.peek();
    boolean stuck =
        first != null && first.equals(seen) && threads.getPoolSize() < threads.getMaximumPoolSize();
    seen = first;
    if (stuck) {
      try {
        threads.getThreadFactory().newThread(this::runWaiting).start();
      } catch (OutOfMemoryError e) {
        // The next look tries again.
      }
    }
  }

  private void runWaiting() {
    for (Runnable next = waiting.poll(); next != null; next = waiting.poll()) {
      next.run();
    }
  }

  /// One completion. It is run once, however often it comes to be queued: what fails for want of
  /// memory may have been done all the same.
  final class Completion implements Runnable {
    private final Runnable work;
    private final AtomicBoolean begun = new AtomicBoolean();

    private Completion(Runnable work) {
      this.work = work;
    }

    /// Runs it, now or soon. To be called once; never fails.
    void begin() {
      pending.incrementAndGet();
      try {
        threads.execute(this);
      } catch (RejectedExecutionException | OutOfMemoryError e) {
        later();
      }
    }

    private void later() {
      boolean waits = false;
      try {
        waits = threads.getPoolSize() > 0 && waiting.add(this);
      } catch (OutOfMemoryError e) {
        // nothing to wait with
      }
      if (!waits) {
        run();
      } else if (threads.getPoolSize() == 0) { // the last one ended meanwhile
        runWaiting();
      }
    }

    @Override
    public void run() {
      if (!begun.compareAndSet(false, true)) {
        return;
      }
      try {
        work.run();
      } catch (Throwable e) {
        LOG.error("A completion failed", e);
      } finally {
        pending.decrementAndGet();
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

    /// Takes it in any case.
    @Override
    public boolean add(Runnable completion) {
      return super.offer(completion);
    }
  }
}
