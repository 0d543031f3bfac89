package dev.terrarium.wire;

import static dev.terrarium.wire.Linger.MAX_NANOS;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

final class LingerTest {
  private final Linger linger = new Linger(2);

  @Test
  void sleepsUntilSomebodyWasHeardTwiceInQuickSuccession() {
    assertThat(linger.isAwake(0)).isFalse();
    linger.heard("worker 1", 1);
    assertThat(linger.isAwake(1)).isFalse();
    linger.heard("worker 1", MAX_NANOS);
    assertThat(linger.isAwake(MAX_NANOS)).isTrue();
  }

  @Test
  void wastesNoMoreThanItsLimitAfterAFrame() {
    linger.heard("worker 1", 0);
    linger.heard("worker 1", 1);
    assertThat(linger.isAwake(MAX_NANOS)).isTrue();
    assertThat(linger.isAwake(MAX_NANOS + 1)).isFalse();
  }

  @Test
  void sleepsBetweenFramesThatAreFarApart() {
    linger.heard("worker 1", 0);
    linger.heard("worker 1", 1);
    linger.heard("worker 1", 1 + MAX_NANOS);
    assertThat(linger.isAwake(1 + MAX_NANOS)).isFalse();
  }

  @Test
  void leavesTheProcessorToTheWorkersWhenSeveralSpeakInTurn() {
    linger.heard("worker 1", 0);
    linger.heard("worker 1", 1);
    linger.heard("worker 2", 2);
    assertThat(linger.isAwake(2)).isFalse();
    linger.heard("worker 1", 3);
    assertThat(linger.isAwake(3)).isFalse();
  }

  @Test
  void sleepsWhereItsWorkerNeedsTheOnlyProcessor() {
    var alone = new Linger(1);
    alone.heard("worker 1", 0);
    alone.heard("worker 1", 1);
    assertThat(alone.isAwake(1)).isFalse();
  }
}
