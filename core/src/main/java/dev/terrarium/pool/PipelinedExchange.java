package dev.terrarium.pool;

import dev.terrarium.TerrariumException;
import dev.terrarium.base.Durations;
import dev.terrarium.call.Exchange;
import dev.terrarium.wire.Encoded;
import java.time.Duration;
import java.util.function.Supplier;

/// A call of a [Pipeline]: sent ahead of its turn, with its deadline from its turn on, which the
/// pipeline watches. The slot is the pipeline's.
final class PipelinedExchange extends Exchange {
  private final Pipeline pipeline;
  private final long millis;

  /// @param envelope the CALL's envelope without its deadline
  PipelinedExchange(String tool, Encoded envelope, Duration deadline, Pipeline pipeline) {
    super(tool, envelope);
    this.pipeline = pipeline;
    this.millis = Math.max(1, Durations.millis(deadline));
  }

  Pipeline pipeline() {
    return pipeline;
  }

  @Override
  public long millisAllowed() {
    return millis;
  }

  @Override
  public boolean isSentAhead() {
    return true;
  }

  @Override
  public void released() {
    pipeline.over(this);
  }

  @Override
  public void lost(boolean begun, Supplier<TerrariumException> error) {
    abandonLoan();
    pipeline.over(this);
    if (begun) {
      boolean _ = fail(error);
    } else {
      notBegun();
    }
  }
}
