package dev.terrarium.process;

import java.time.Duration;
import java.util.concurrent.locks.LockSupport;

/// A handle on one process that its number's next owner cannot inherit.
final class Pidfd implements AutoCloseable {
  private static final long PAUSE_FIRST_NANOS = 500_000;
  private static final long PAUSE_NANOS_MAX = 10_000_000;

  private final int descriptor;

  private Pidfd(int descriptor) {
    this.descriptor = descriptor;
  }

  /// Either a handle or the reason why there is none.
  sealed interface Opening {
    record Opened(Pidfd pidfd) implements Opening {}

    record Failed(int errno) implements Opening {}
  }

  static Opening open(long pid) {
    int result = Libc.pidfdOpen(pid);
    return result < 0 ? new Opening.Failed(-result) : new Opening.Opened(new Pidfd(result));
  }

  /// 0, or the error number.
  int send(Signal signal) {
    return -Libc.pidfdSendSignal(descriptor, signal.number());
  }

  boolean dead() {
    return Libc.readable(descriptor);
  }

  /// Waits in growing pauses that cost nothing and that a virtual thread can park in. An interrupt
  /// ends the wait early and stays set.
  boolean awaitDeath(Duration timeout) {
    long end = System.nanoTime() + timeout.toNanos();
    long pause = PAUSE_FIRST_NANOS;
    while (!dead()) {
      long left = end - System.nanoTime();
      if (left <= 0 || Thread.currentThread().isInterrupted()) {
        return false;
      }
      LockSupport.parkNanos(this, Math.min(pause, left));
      pause = Math.min(pause * 2, PAUSE_NANOS_MAX);
    }
    return true;
  }

  @Override
  public void close() {
    Libc.close(descriptor);
  }
}
