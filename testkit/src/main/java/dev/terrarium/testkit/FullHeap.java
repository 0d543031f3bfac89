package dev.terrarium.testkit;

import java.time.Duration;
import java.util.concurrent.locks.LockSupport;

/// A heap without room, in a JVM that a test has started for it.
public final class FullHeap {
  private static final int PIECES_MAX = 1 << 18;
  private static final int LARGEST = 1 << 20;
  private static final int SMALLEST = 16;

  /// So that others have room, now and then, for half of what they want, and that not all time goes
  /// into collecting garbage.
  private static final long PAUSE_NANOS = 5_000_000;

  private FullHeap() {}

  /// Takes all that there is, down to the last bytes, again and again for so long, then frees it.
  ///
  /// @return whether there was nothing left
  public static boolean hold(Duration how) {
    LockSupport.parkNanos(PAUSE_NANOS); // loads what it needs
    long end = System.nanoTime() + how.toNanos();
    Object[] hoard = new Object[PIECES_MAX];
    int taken = 0;
    boolean full = false;
    while (System.nanoTime() < end) {
      // Where many want memory, each waits until the garbage has been collected for all others.
      for (int size = LARGEST; size >= SMALLEST && System.nanoTime() < end; size /= 4) {
        try {
          while (taken < hoard.length) {
            hoard[taken] = new byte[size];
            taken++;
          }
        } catch (OutOfMemoryError e) {
          full = true; // smaller ones fit
        }
      }
      LockSupport.parkNanos(PAUSE_NANOS);
    }
    return full;
  }
}
