package dev.terrarium;

import dev.terrarium.call.Exchange;
import dev.terrarium.pool.Batch;
import dev.terrarium.pool.Item;
import dev.terrarium.wire.Encoded;
import java.util.ArrayList;
import java.util.List;
import java.util.Spliterator;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// The consumer's end of a batch: reads the source, makes calls of its items, decodes the results.
/// All of that on the consuming thread, since sources are not thread-safe. Does not split.
///
/// @param <S> the source's items
/// @param <T> the results
final class BatchSpliterator<S extends @Nullable Object, T extends @Nullable Object>
    implements Spliterator<T> {
  /// How long the source is read before results have their turn: a slow one must not keep the items
  /// from their workers that have come already.
  static final long READ_NANOS_MAX = 1_000_000;

  private final Batch batch;
  private final Stream<S> source;
  private final Function<? super S, Encoded> encoder;
  private final Function<Exchange, T> decoder;
  private final String tool;
  private final boolean ordered;
  private @Nullable Spliterator<S> items;
  private boolean exhausted;
  private long read;

  BatchSpliterator(
      Batch batch,
      Stream<S> source,
      Function<? super S, Encoded> encoder,
      Function<Exchange, T> decoder,
      String tool,
      boolean ordered) {
    this.batch = batch;
    this.source = source;
    this.encoder = encoder;
    this.decoder = decoder;
    this.tool = tool;
    this.ordered = ordered;
  }

  @Override
  public boolean tryAdvance(Consumer<? super T> action) {
    try {
      Item next = next();
      if (next == null) {
        return false;
      }
      action.accept(result(next));
      return true;
    } catch (RuntimeException | Error e) {
      stop(e);
      throw e;
    }
  }

  private @Nullable Item next() {
    while (true) {
      if (Thread.interrupted()) {
        throw interrupted();
      }
      readSource();
      if (exhausted && batch.isEmpty()) {
        return null;
      }
      Item next = batch.poll();
      if (next != null) {
        return next;
      }
      try {
        batch.await(!exhausted);
      } catch (InterruptedException e) {
        throw interrupted();
      }
    }
  }

  private CallCancelledException interrupted() {
    Thread.currentThread().interrupt();
    return new CallCancelledException(
        "A batch of '%s' was interrupted after %d items had been read".formatted(tool, read));
  }

  private void readSource() {
    int wanted = exhausted ? 0 : batch.wanted();
    if (wanted == 0) {
      return;
    }
    List<Item> more = new ArrayList<>();
    long end = System.nanoTime() + READ_NANOS_MAX;
    try {
      do {
        exhausted = !items().tryAdvance(item -> more.add(prepare(item)));
      } while (!exhausted && more.size() < wanted && System.nanoTime() < end);
    } finally {
      batch.add(more);
    }
  }

  private Spliterator<S> items() {
    Spliterator<S> opened = items;
    if (opened == null) {
      opened = source.spliterator();
      items = opened;
    }
    return opened;
  }

  private Item prepare(S item) {
    long index = read++;
    try {
      return new Item(index, item, encoder.apply(item));
    } catch (ValueException e) {
      throw new ItemFailedException(tool, item, index, e);
    }
  }

  private T result(Item item) {
    try {
      return decoder.apply(item.call());
    } catch (PoolClosedException e) {
      throw e; // that is no fault of the item
    } catch (TerrariumException e) {
      throw new ItemFailedException(tool, item.source(), item.index(), e);
    }
  }

  /// Ends what is under way and closes the source. Any thread.
  void close() {
    batch.stop(
        () ->
            new CallCancelledException(
                "A batch of '%s' was closed while its stream was consumed".formatted(tool)));
    source.close();
  }

  private void stop(Throwable why) {
    try {
      close();
    } catch (RuntimeException | Error e) {
      if (!e.equals(why)) {
        why.addSuppressed(e);
      }
    }
  }

  @Override
  public @Nullable Spliterator<T> trySplit() {
    return null;
  }

  /// Unknown, also where the source knows: a stream that knows its size may be counted without
  /// calling anything.
  @Override
  public long estimateSize() {
    return Long.MAX_VALUE;
  }

  @Override
  public int characteristics() {
    return ordered ? ORDERED : 0;
  }
}
