package dev.terrarium.worker;

import dev.terrarium.BadArgumentException;
import dev.terrarium.CallCancelledException;
import dev.terrarium.DeadlineExceededException;
import dev.terrarium.PoolClosedException;
import dev.terrarium.TerrariumException;
import dev.terrarium.ToolException;
import dev.terrarium.UnknownToolException;
import dev.terrarium.ValueException;
import dev.terrarium.base.NearMiss;
import dev.terrarium.call.Exchange;
import dev.terrarium.wire.Messages;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// Python's ERROR frames as the exceptions that callers get.
final class CallErrors {
  private CallErrors() {}

  static Supplier<TerrariumException> of(String pool, Exchange call, Messages.CallError error) {
    String tool = call.tool();
    return switch (error.kind()) {
      case UNKNOWN_TOOL -> () -> new UnknownToolException(pool, tool, near(tool, error.nearest()));
      case BAD_ARGUMENT -> () -> new BadArgumentException(tool, error.message());
      case VALUE -> () -> new ValueException("result of '" + tool + "'", error.message());
      case CANCELLED ->
          () -> new CallCancelledException("Exchange of '%s' was cancelled".formatted(tool));
      case DEADLINE ->
          () ->
              new DeadlineExceededException(
                  "Exchange of '%s' exceeded its deadline".formatted(tool), traceback(error));
      case WITHDRAWN -> // only whoever took it back is told so, and not in this way
          () -> new CallCancelledException("Exchange of '%s' was withdrawn".formatted(tool));
      case CLOSING ->
          () -> new PoolClosedException("Pool '%s' was closed during the call".formatted(pool));
      case TOOL ->
          () ->
              new ToolException(
                  tool,
                  new ToolException.PythonError(error.type(), error.message(), traceback(error)));
    };
  }

  /// What a worker in any language takes for the nearest name may still be another one.
  private static @Nullable String near(String tool, @Nullable String nearest) {
    return nearest != null && NearMiss.isNear(tool, nearest) ? nearest : null;
  }

  private static String traceback(Messages.CallError error) {
    return error.traceback() == null ? "" : error.traceback();
  }
}
