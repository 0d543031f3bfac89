package dev.terrarium.event;

import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.event.TerrariumEvent.Drift;
import dev.terrarium.event.TerrariumEvent.DriftFound;
import dev.terrarium.event.TerrariumEvent.WorkerStuck;
import dev.terrarium.testkit.Latches;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
final class EventsTest {
  private final Events events = new Events("test");
  private final List<TerrariumEvent> told = new CopyOnWriteArrayList<>();

  @AfterEach
  void tearDown() {
    events.close();
  }

  private static TerrariumEvent drift(int number) {
    return new DriftFound(Instant.EPOCH, "s59m65f", Drift.ROW_WITHOUT_WORKER, "a-" + number, 0, "");
  }

  private static TerrariumEvent stuck() {
    return new WorkerStuck(Instant.EPOCH, "s59m65f", "a-1", 1, "");
  }

  @Test
  void reachThoseWhoSubscribedToTheirTypeInOrder() {
    events.subscribe(DriftFound.class, told::add);
    events.publish(drift(1));
    events.publish(stuck());
    events.publish(drift(2));
    events.close();
    assertThat(told).containsExactly(drift(1), drift(2));
  }

  @Test
  void thatNobodyHasHeardReachTheFirstWhoSubscribesToTheirType() {
    events.publish(drift(1));
    events.publish(stuck());
    events.subscribe(WorkerStuck.class, told::add);
    events.subscribe(DriftFound.class, told::add);
    events.subscribe(DriftFound.class, _ -> told.add(stuck()));
    events.close();
    assertThat(told).containsExactly(stuck(), drift(1));
  }

  @Test
  void areKeptForALaterSubscriberUpToALimitTheNewestOnes() {
    for (int number = 0; number <= Events.UNHEARD_MAX; number++) {
      events.publish(drift(number));
    }
    events.subscribe(DriftFound.class, told::add);
    events.close();
    assertThat(told).hasSize(Events.UNHEARD_MAX).first().isEqualTo(drift(1));
  }

  @Test
  void allReachWhoSubscribedToTheirRoot() {
    events.subscribe(TerrariumEvent.class, told::add);
    events.publish(drift(1));
    events.publish(stuck());
    events.close();
    assertThat(told).containsExactly(drift(1), stuck());
  }

  @Test
  void reachNobodyWhoseSubscriptionHasEnded() {
    events.subscribe(TerrariumEvent.class, told::add).close();
    events.publish(drift(1));
    events.close();
    assertThat(told).isEmpty();
  }

  @Test
  void reachTheOthersWhereOneSubscriberFails() {
    events.subscribe(
        TerrariumEvent.class,
        _ -> {
          throw new IllegalStateException("the subscriber's own mistake");
        });
    events.subscribe(TerrariumEvent.class, told::add);
    events.publish(drift(1));
    events.close();
    assertThat(told).hasSize(1);
  }

  @Test
  void areDroppedAndCountedWhereASubscriberCannotKeepUp() throws InterruptedException {
    var begun = new CountDownLatch(1);
    var done = new CountDownLatch(1);
    events.subscribe(
        TerrariumEvent.class,
        _ -> {
          begun.countDown();
          Latches.awaited(done);
        });
    events.publish(drift(0));
    begun.await();
    for (int i = 0; i < Events.WAITING_MAX + 5; i++) {
      events.publish(drift(i));
    }
    assertThat(events.dropped()).isEqualTo(5);
    done.countDown();
  }
}
