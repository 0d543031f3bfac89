package dev.terrarium.event;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.terrarium.base.Log;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;

/// Brings events to those who subscribed, one after the other, on a thread of its own: whoever
/// observes must not keep anybody from work.
///
/// The thread is there while there is something to tell. Who cannot keep up loses the newest
/// events, counted. What nobody has subscribed to yet waits for the first who does, so that he
/// learns of what was found before he could have: while the runtime started.
public final class Events implements AutoCloseable {
  /// How many events may wait.
  public static final int WAITING_MAX = 1_000;

  /// How many are kept that nobody has subscribed to; the oldest go first.
  public static final int UNHEARD_MAX = 100;

  private static final long IDLE_SECONDS = 1;
  private static final long CLOSE_SECONDS = 1;
  private static final Log LOG = Log.of(Events.class);

  private final List<Subscriber> subscribers = new CopyOnWriteArrayList<>();

  @GuardedBy("this")
  private final Deque<TerrariumEvent> unheard = new ArrayDeque<>();

  private final AtomicLong dropped = new AtomicLong();
  private final ThreadPoolExecutor teller;

  public Events(String run) {
    teller =
        new ThreadPoolExecutor(
            1,
            1,
            IDLE_SECONDS,
            TimeUnit.SECONDS,
            new ArrayBlockingQueue<>(WAITING_MAX),
            task -> Thread.ofPlatform().daemon().name("terrarium-events-" + run).unstarted(task));
    teller.allowCoreThreadTimeOut(true);
  }

  /// The end of a subscription.
  public interface Subscription extends AutoCloseable {
    @Override
    void close();
  }

  private record Subscriber(Class<?> type, Consumer<TerrariumEvent> consumer) {
    boolean wants(TerrariumEvent event) {
      return type.isInstance(event);
    }

    void tell(TerrariumEvent event) {
      try {
        consumer.accept(event);
      } catch (Throwable e) { // the next one is to be told all the same
        LOG.warn("A subscriber failed at {}", event, e);
      }
    }
  }

  /// Calls `subscriber` with each event of this type from now on, and with those before that nobody
  /// has subscribed to yet.
  public synchronized <E extends TerrariumEvent> Subscription subscribe(
      Class<E> type, Consumer<E> subscriber) {
    var entry = new Subscriber(type, event -> subscriber.accept(type.cast(event)));
    subscribers.add(entry);
    List<TerrariumEvent> waiting = unheard.stream().filter(entry::wants).toList();
    unheard.removeAll(waiting);
    waiting.forEach(event -> later(() -> entry.tell(event)));
    return () -> subscribers.remove(entry);
  }

  /// Tells all, later. Never blocks, and never throws.
  public void publish(TerrariumEvent event) {
    try {
      keepOrTell(event);
    } catch (OutOfMemoryError e) {
      dropped.incrementAndGet();
    }
  }

  private synchronized void keepOrTell(TerrariumEvent event) {
    if (subscribers.stream().anyMatch(it -> it.wants(event))) {
      later(() -> tell(event));
      return;
    }
    unheard.add(event);
    if (unheard.size() > UNHEARD_MAX) {
      unheard.remove();
    }
  }

  private void later(Runnable telling) {
    try {
      teller.execute(telling);
    } catch (RejectedExecutionException e) {
      dropped.incrementAndGet();
    } catch (OutOfMemoryError e) { // no thread can be made: it waits until one can
      if (!teller.getQueue().offer(telling)) {
        dropped.incrementAndGet();
      }
    }
  }

  /// Starts the thread where something waits for it that could not be made before.
  public void ensure() {
    if (!teller.getQueue().isEmpty()) {
      boolean _ = teller.prestartCoreThread();
    }
  }

  /// How many events nobody was told of, since too many waited.
  public long dropped() {
    return dropped.get();
  }

  private void tell(TerrariumEvent event) {
    subscribers.stream().filter(it -> it.wants(event)).forEach(it -> it.tell(event));
  }

  /// What waits is still told, for at most a second.
  @Override
  public void close() {
    teller.shutdown();
    try {
      if (!teller.awaitTermination(CLOSE_SECONDS, TimeUnit.SECONDS)) {
        teller.shutdownNow();
      }
    } catch (InterruptedException e) {
      teller.shutdownNow();
      Thread.currentThread().interrupt();
    }
  }
}
