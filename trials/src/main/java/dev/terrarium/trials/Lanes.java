package dev.terrarium.trials;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Supplier;

/// Runs many things, several side by side.
final class Lanes {
  private Lanes() {}

  /// What one lane has for itself.
  interface Lane<T, R> extends AutoCloseable {
    R run(T item);

    @Override
    default void close() {}
  }

  private record Numbered<R>(int number, R result) {}

  /// Runs all, each by whichever lane is free.
  ///
  /// @param open makes what a lane needs
  /// @param progress is told each result when it is there, by any thread
  /// @return the results, in the order of the items
  static <T, R> List<R> run(
      List<T> items, int lanes, Supplier<? extends Lane<T, R>> open, Consumer<R> progress) {
    var next = new AtomicInteger();
    List<Numbered<R>> results = new ArrayList<>();
    try (ExecutorService threads = Executors.newFixedThreadPool(lanes)) {
      List<Future<List<Numbered<R>>>> running = new ArrayList<>();
      for (int i = 0; i < lanes; i++) {
        running.add(threads.submit(() -> drive(items, next, open, progress)));
      }
      for (Future<List<Numbered<R>>> lane : running) {
        results.addAll(lane.get());
      }
    } catch (ExecutionException e) {
      throw new IllegalStateException(e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
    results.sort(Comparator.comparingInt(Numbered::number));
    return results.stream().map(Numbered::result).toList();
  }

  private static <T, R> List<Numbered<R>> drive(
      List<T> items,
      AtomicInteger next,
      Supplier<? extends Lane<T, R>> open,
      Consumer<R> progress) {
    List<Numbered<R>> results = new ArrayList<>();
    try (Lane<T, R> lane = open.get()) {
      for (int i = next.getAndIncrement(); i < items.size(); i = next.getAndIncrement()) {
        R result = lane.run(items.get(i));
        progress.accept(result);
        results.add(new Numbered<>(i, result));
      }
    }
    return results;
  }
}
