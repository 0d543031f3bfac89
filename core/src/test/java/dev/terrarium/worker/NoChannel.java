package dev.terrarium.worker;

import dev.terrarium.TerrariumException;
import dev.terrarium.ToolInfo;
import dev.terrarium.call.Exchange;
import dev.terrarium.call.WorkerChannel;
import dev.terrarium.wire.Messages.CancelReason;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.function.Function;

/// Leads nowhere.
final class NoChannel implements WorkerChannel {
  @Override
  public List<ToolInfo> tools() {
    return List.of();
  }

  @Override
  public boolean supportsPipelining() {
    return false;
  }

  @Override
  public boolean takesMemory() {
    return false;
  }

  @Override
  public void ready(long pid) {}

  @Override
  public void take(List<? extends Exchange> calls) {}

  @Override
  public void send(List<? extends Exchange> calls) {}

  @Override
  public void withdraw(List<? extends Exchange> calls) {}

  @Override
  public void interrupt(Exchange call, CancelReason reason) {}

  @Override
  public void deadlinePassed(Exchange call, Duration deadline) {}

  @Override
  public void leave() {}

  @Override
  public void close() {}

  @Override
  public boolean isOpen() {
    return false;
  }

  @Override
  public Collection<Exchange> calls() {
    return List.of();
  }

  @Override
  public Duration silence() {
    return Duration.ZERO;
  }

  @Override
  public void lost(boolean certain, Function<Exchange, TerrariumException> why) {}

  @Override
  public String toString() {
    return "channel";
  }
}
