package dev.terrarium;

import static java.util.Objects.requireNonNull;

import dev.terrarium.base.SteadyThread;
import dev.terrarium.call.Exchange;
import dev.terrarium.call.Outcome;
import dev.terrarium.call.PooledWorker;
import dev.terrarium.pool.Batch;
import dev.terrarium.pool.UnaryExchange;
import dev.terrarium.pool.WorkerPool;
import dev.terrarium.wire.Encoded;
import dev.terrarium.wire.MemoryFiles;
import dev.terrarium.wire.Messages;
import dev.terrarium.wire.ProtocolException;
import dev.terrarium.wire.Received;
import dev.terrarium.wire.ValueCodec;
import java.lang.foreign.Arena;
import java.lang.reflect.Type;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Function;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.jspecify.annotations.Nullable;

/// A call that is being put together: `pool.tool("add").args(1, 2).call(Integer.class)`. Immutable:
/// each method returns a changed copy, so that a prepared call can be kept and used by several
/// threads.
///
/// Arguments and results are JSON types (text, numbers, booleans, null, lists, maps with text
/// keys), records and beans, and `byte[]`, `ByteBuffer` and `MemorySegment` at any depth. Large
/// bytes are copied when the call is made, others when they are sent: leave them alone until the
/// call has ended. A tool that returns `None` gives null, so every result may be null.
public final class ToolCall {

  private final WorkerPool pool;
  private final ValueCodec codec;
  private final String tool;
  private final List<@Nullable Object> args;
  private final Map<String, @Nullable Object> named;
  private final Duration deadline;

  ToolCall(
      WorkerPool pool,
      ValueCodec codec,
      String tool,
      List<@Nullable Object> args,
      Map<String, @Nullable Object> named,
      Duration deadline) {
    this.pool = pool;
    this.codec = codec;
    this.tool = requireNonNull(tool, "tool");
    this.args = args;
    this.named = named;
    this.deadline = deadline;
  }

  /// Adds positional arguments.
  public ToolCall args(@Nullable Object... more) {
    requireNonNull(more, "more");
    List<@Nullable Object> all = new ArrayList<>(args);
    Collections.addAll(all, more);
    return new ToolCall(pool, codec, tool, all, named, deadline);
  }

  /// Adds a named argument.
  public ToolCall arg(String name, @Nullable Object value) {
    Map<String, @Nullable Object> all = new LinkedHashMap<>(named);
    all.put(requireNonNull(name, "name"), value);
    return new ToolCall(pool, codec, tool, args, all, deadline);
  }

  /// Adds named arguments.
  public ToolCall args(Map<String, ?> more) {
    requireNonNull(more, "more");
    Map<String, @Nullable Object> all = new LinkedHashMap<>(named);
    more.forEach((name, value) -> all.put(requireNonNull(name, "name"), value));
    return new ToolCall(pool, codec, tool, args, all, deadline);
  }

  /// How long the call may take from now on, waiting for a worker included. Default: the pool's.
  ///
  /// @throws IllegalArgumentException where it is not positive
  public ToolCall deadline(Duration longest) {
    requireNonNull(longest, "longest");
    if (!longest.isPositive()) {
      throw new IllegalArgumentException("deadline must be positive: " + longest);
    }
    return new ToolCall(pool, codec, tool, args, named, longest);
  }

  /// Calls and waits.
  ///
  /// An interrupt cancels the call, sets the thread's flag again and throws
  /// [CallCancelledException].
  ///
  /// @return null where the tool returned `None`; of a primitive type (`int.class`) that is a
  ///   [ValueException]
  /// @throws TerrariumException one subclass for each thing that can be done about it
  public <T> @Nullable T call(Class<T> type) {
    return as(await(requireNonNull(type, "type"), null));
  }

  /// Calls and waits, for a type with parameters.
  ///
  /// @throws TerrariumException as [#call(Class)]
  public <T extends @Nullable Object> @Nullable T call(TypeRef<T> type) {
    return as(await(typeOf(type), null));
  }

  /// Calls and waits, and puts the result's bytes into memory that lives as long as `arena`: a
  /// `MemorySegment` (read-only where it is large) or a `ByteBuffer`, at any depth of the result.
  /// Large ones are read where Python wrote them, without a copy; closing the arena frees them, and
  /// using them afterwards throws `IllegalStateException`. Bytes whose type is left open (`Object`)
  /// are segments, too; a `byte[]` is a copy, which the arena does not concern.
  ///
  /// The arena may be a confined one of the calling thread, a shared one, or an automatic one.
  ///
  /// @throws IllegalStateException if the arena is closed before the result is there
  /// @throws WrongThreadException if the arena belongs to another thread
  /// @throws TerrariumException as [#call(Class)]
  public <T> @Nullable T call(Class<T> type, Arena arena) {
    requireNonNull(type, "type");
    return as(await(type, requireNonNull(arena, "arena")));
  }

  /// Calls and waits, for a type with parameters, with bytes that live as long as `arena`.
  ///
  /// @throws TerrariumException as [#call(Class, Arena)]
  public <T extends @Nullable Object> @Nullable T call(TypeRef<T> type, Arena arena) {
    return as(await(typeOf(type), requireNonNull(arena, "arena")));
  }

  /// Calls without waiting. Cancelling the future cancels the call. The future fails with what
  /// [#call(Class)] throws, also where the arguments cannot be sent. What depends on it runs on a
  /// thread of Terrarium's, of which there are 256 at most for all that depends on any call: use
  /// `thenApplyAsync` and its like for what blocks long. Where no thread can be made it runs on one
  /// on which the runtime depends itself, and should be quick.
  public <T> CompletableFuture<@Nullable T> callAsync(Class<T> type) {
    return this.<@Nullable T>future(requireNonNull(type, "type"));
  }

  /// Calls without waiting, for a type with parameters.
  public <T extends @Nullable Object> CompletableFuture<@Nullable T> callAsync(TypeRef<T> type) {
    return this.<@Nullable T>future(typeOf(type));
  }

  /// Calls the tool for each item of a source, on all workers, and gives the results in the order
  /// of the source: what `multiprocessing.Pool.imap` is to Python.
  ///
  /// ```java
  /// try (Stream<ModuleStats> all =
  ///     pool.tool("parse").map(paths.stream(), p -> Map.of("path", p), ModuleStats.class)) {
  ///   all.forEach(table::add);
  /// }
  /// ```
  ///
  /// Nothing happens before the stream is consumed. Then the source is read by the consuming
  /// thread, and no further ahead than the workers need to stay busy: a source of millions takes no
  /// more memory than one of hundreds, an endless one is fine. While the source makes the consumer
  /// wait, finished results wait, too. Items share the pool with other callers, in turns, and
  /// `maxWaiting` and `maxWait` do not concern them. Quick items are sent to a worker several at a
  /// time.
  ///
  /// Arguments that were set before apply to every item, those of the item go before. The deadline
  /// counts for each item from its turn on a worker.
  ///
  /// The stream throws, and all that is under way is cancelled and the source closed, with:
  ///
  /// - [ItemFailedException] where an item's call fails or its arguments cannot be sent: it has the
  ///   item, its index, and the call's error as its cause. All results before it have come; items
  ///   after it may have run.
  /// - what the source or `arguments` throw, as it is
  /// - [CallCancelledException] where the consuming thread is interrupted (the flag is set again),
  ///   or the stream is closed by another thread
  /// - [PoolClosedException], and [StartFailedException] where no worker comes up any more
  ///
  /// Close the stream where it may not be consumed to its end: that cancels what is under way and
  /// closes the source. It is consumed by one thread, also after `parallel()`.
  ///
  /// @param arguments the named arguments for an item; called by the consuming thread
  public <S extends @Nullable Object, T> Stream<@Nullable T> map(
      Stream<S> source, Function<? super S, ? extends Map<String, ?>> arguments, Class<T> type) {
    return batch(source, arguments, type, true);
  }

  /// As [#map(Stream, Function, Class)], for a type with parameters.
  public <S extends @Nullable Object, T extends @Nullable Object> Stream<@Nullable T> map(
      Stream<S> source, Function<? super S, ? extends Map<String, ?>> arguments, TypeRef<T> type) {
    return batch(source, arguments, typeOf(type), true);
  }

  /// As [#map(Stream, Function, Class)], with each result as soon as it is there: a slow item holds
  /// up nobody. A failure comes before results that have not been consumed yet.
  public <S extends @Nullable Object, T> Stream<@Nullable T> mapUnordered(
      Stream<S> source, Function<? super S, ? extends Map<String, ?>> arguments, Class<T> type) {
    return batch(source, arguments, type, false);
  }

  /// As [#mapUnordered(Stream, Function, Class)], for a type with parameters.
  public <S extends @Nullable Object, T extends @Nullable Object> Stream<@Nullable T> mapUnordered(
      Stream<S> source, Function<? super S, ? extends Map<String, ?>> arguments, TypeRef<T> type) {
    return batch(source, arguments, typeOf(type), false);
  }

  private static Type typeOf(TypeRef<?> type) {
    return requireNonNull(type, "type").type();
  }

  private <S extends @Nullable Object, T extends @Nullable Object> Stream<T> batch(
      Stream<S> source,
      Function<? super S, ? extends Map<String, ?>> arguments,
      Type type,
      boolean ordered) {
    requireNonNull(source, "source");
    requireNonNull(arguments, "arguments");
    requireNonNull(type, "type");
    var items =
        new BatchSpliterator<S, T>(
            pool.batch(new Batch.Setup(tool, deadline, ordered)),
            source,
            // Bytes in frames: an item that was not begun is sent again, after its memory's end.
            item -> args(arguments.apply(item)).envelope(MemoryFiles.none()),
            call -> as(finish(call, type, null)),
            tool,
            ordered);
    return StreamSupport.stream(items, false).onClose(items::close);
  }

  private @Nullable Object await(Type type, @Nullable Arena arena) {
    UnaryExchange call = prepare();
    try {
      pool.submit(call);
      call.outcome().get();
      return finish(call, type, arena);
    } catch (VirtualMachineError e) {
      abandon(call);
      throw e;
    } catch (InterruptedException e) {
      pool.cancel(call);
      Thread.currentThread().interrupt();
      return finish(call, type, arena);
    } catch (ExecutionException e) {
      throw new IllegalStateException("an outcome never fails", e);
    }
  }

  @SuppressWarnings("TypeParameterUnusedInFormals")
  private <T extends @Nullable Object> CompletableFuture<T> future(Type type) {
    UnaryExchange call;
    try {
      call = prepare();
    } catch (RuntimeException | Error e) {
      return CompletableFuture.failedFuture(e);
    }
    CompletableFuture<T> future = new CancellingFuture<>(call);
    try {
      call.whenDone(Completions.shared().prepare(() -> complete(future, call, type))::begin);
      pool.submit(call);
    } catch (RuntimeException | Error e) {
      future.completeExceptionally(e);
      abandon(call);
    }
    return future;
  }

  /// For whoever has his outcome already: there is no memory for the call.
  private void abandon(UnaryExchange call) {
    try {
      pool.cancel(call);
    } catch (VirtualMachineError e) {
      // Its deadline ends it.
    }
  }

  private <T extends @Nullable Object> void complete(
      CompletableFuture<T> future, Exchange call, Type type) {
    try {
      future.complete(as(finish(call, type, null)));
    } catch (RuntimeException | Error e) {
      fail(future, e);
    }
  }

  /// Until there is memory for it: nobody else will.
  private static void fail(CompletableFuture<?> future, Throwable error) {
    while (true) {
      try {
        future.completeExceptionally(error);
        return;
      } catch (OutOfMemoryError e) {
        LockSupport.parkNanos(SteadyThread.PAUSE.toNanos());
      }
    }
  }

  private UnaryExchange prepare() {
    return pool.call(tool, envelope(pool.memory()), deadline);
  }

  private Encoded envelope(MemoryFiles memory) {
    return codec.encode(new Messages.Call(tool, args, named), memory);
  }

  private @Nullable Object finish(Exchange call, Type type, @Nullable Arena arena) {
    return switch (call.outcome().join()) {
      case Outcome.Value(Received received) -> decode(call, received, type, arena);
      case Outcome.Failure(var error) -> throw error.get();
      case Outcome.NotBegun _ -> throw new IllegalStateException("nobody withdrew the call");
    };
  }

  private @Nullable Object decode(
      Exchange call, Received received, Type type, @Nullable Arena arena) {
    try {
      return arena == null ? codec.decode(received, type) : codec.decode(received, type, arena);
    } catch (ProtocolException e) {
      PooledWorker worker = call.worker();
      throw worker == null ? e : worker.brokeProtocol(call, e);
    }
  }

  // The codec made it of the type that the caller named, and all who use this say that it may be
  // null.
  @SuppressWarnings({"unchecked", "NullAway", "TypeParameterUnusedInFormals"})
  private static <T extends @Nullable Object> T as(@Nullable Object value) {
    return (T) value;
  }

  /// A future whose cancellation reaches the worker.
  private final class CancellingFuture<T extends @Nullable Object> extends CompletableFuture<T> {
    private final UnaryExchange call;

    CancellingFuture(UnaryExchange call) {
      this.call = call;
    }

    @Override
    public boolean cancel(boolean mayInterruptIfRunning) {
      boolean cancelled = super.cancel(mayInterruptIfRunning);
      if (cancelled) {
        pool.cancel(call);
      }
      return cancelled;
    }
  }
}
