package dev.terrarium.process;

import dev.terrarium.testkit.FullHeap;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/// A program whose child ends while its heap is full.
final class ChildOfAFullHeap {
  private static final Duration FULL = Duration.ofSeconds(3);

  private ChildOfAFullHeap() {}

  static void main() throws Exception {
    MarkedProcess child = MarkedProcess.start(List.of("sleep", "1"), Optional.empty());
    System.out.println("full: " + FullHeap.hold(FULL));
    System.out.println("ended: " + child.waitFor(20, TimeUnit.SECONDS));
    System.out.println("status: " + (child.isAlive() ? "none" : child.exitValue()));
    child.close();
  }
}
