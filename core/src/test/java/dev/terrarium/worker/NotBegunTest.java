package dev.terrarium.worker;

import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.call.Exchange;
import dev.terrarium.wire.Encoded;
import dev.terrarium.wire.ValueCodec;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/// Which calls of a dead worker it has certainly not begun.
final class NotBegunTest {
  private static Exchange sent(String tool, long order) {
    Encoded nothing = new ValueCodec().encode(null);
    Exchange call = new Sent(tool, nothing);
    call.ordered(order);
    return call;
  }

  private static List<Long> notBegun(Exchange... unanswered) {
    var found = CallsInFlight.notBegun(List.of(unanswered), call -> call.tool().equals("plain"));
    return Stream.of(unanswered).filter(found::contains).map(Exchange::order).toList();
  }

  @Test
  void theFirstThatIsNotAnsweredMayHaveRun() {
    assertThat(notBegun(sent("plain", 7))).isEmpty();
    assertThat(notBegun(sent("plain", 9), sent("plain", 7), sent("plain", 8)))
        .containsExactly(9L, 8L);
  }

  @Test
  void asyncToolsBeginAtOnce() {
    assertThat(notBegun(sent("async", 1), sent("plain", 2), sent("async", 3), sent("plain", 4)))
        .containsExactly(4L);
  }

  @Test
  void whatWasNeverSentWasNotBegun() {
    assertThat(notBegun(sent("async", 0), sent("plain", 0), sent("plain", 1)))
        .containsExactly(0L, 0L);
  }

  /// One that nobody waits for.
  private static final class Sent extends Exchange {
    Sent(String tool, Encoded envelope) {
      super(tool, envelope);
    }

    @Override
    public long millisAllowed() {
      return 1;
    }

    @Override
    public boolean isSentAhead() {
      return true;
    }

    @Override
    public void released() {}
  }
}
