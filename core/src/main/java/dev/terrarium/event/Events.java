package dev.terrarium.event;

import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Brings events to those who subscribed, one after the other, on a thread of its own: whoever
/// observes must not keep anybody from work.
///
/// The thread is there while there is something to tell. Who cannot keep up loses the newest
/// events, counted.
public final class Events implements AutoCloseable {
  /// How many events may wait.
  public static final int WAITING_MAX = 1_000;

  private static final long IDLE_SECONDS = 1;
  private static final long CLOSE_SECONDS = 1;
  private static final Logger LOG = LoggerFactory.getLogger(Events.class);

  private final List<Consumer<TerrariumEvent>> subscribers = new CopyOnWriteArrayList<>();
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

  /// Calls `subscriber` with each event of this type from now on.
  public <E extends TerrariumEvent> Subscription subscribe(Class<E> type, Consumer<E> subscriber) {
    Consumer<TerrariumEvent> entry =
        event -> {
          if (type.isInstance(event)) {
            subscriber.accept(type.cast(event));
          }
        };
    subscribers.add(entry);
    return () -> subscribers.remove(entry);
  }

  /// Tells all, later. Never blocks, and never throws.
  public void publish(TerrariumEvent event) {
    if (subscribers.isEmpty()) {
      return;
    }
    try {
      teller.execute(() -> tell(event));
    } catch (RejectedExecutionException e) {
      dropped.incrementAndGet();
    }
  }

  /// How many events nobody was told of, since too many waited.
  public long dropped() {
    return dropped.get();
  }

  private void tell(TerrariumEvent event) {
    for (Consumer<TerrariumEvent> subscriber : subscribers) {
      try {
        subscriber.accept(event);
      } catch (RuntimeException e) {
        LOG.warn("A subscriber failed at {}", event, e);
      }
    }
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
