package dev.terrarium.pool;

import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.Pool;
import dev.terrarium.PoolConfig;
import dev.terrarium.TerrariumException;
import dev.terrarium.base.ManualClock;
import dev.terrarium.call.PooledWorker;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

/// Requests for one worker alone, and for one rather than others.
final class AffinityTest {
  private final FakeWorker a = new FakeWorker("a", new NoListener());
  private final FakeWorker b = new FakeWorker("b", new NoListener());
  private final List<String> log = new ArrayList<>();
  private final Scheduler scheduler = scheduler(1, 10);

  private static Scheduler scheduler(int concurrency, int maxWaiting) {
    PoolConfig config =
        Pool.builder()
            .name("fake")
            .adapter(Path.of("x.py"))
            .size(2)
            .concurrency(concurrency)
            .maxWaiting(maxWaiting)
            .build();
    return new Scheduler(config, new PoolErrors(config), new ManualClock(), () -> 0);
  }

  private void bothReady() {
    scheduler.add(a);
    scheduler.add(b);
  }

  private void place(String name, Affinity affinity) {
    scheduler.place(new Request(name, affinity));
  }

  @Test
  void aRequestForABusyWorkerWaitsForThatOneAndBlocksNobody() {
    bothReady();
    place("1", new Affinity.Only(a));
    place("2", new Affinity.Only(a));
    place("3", Affinity.ANY);
    assertThat(log).containsExactly("1 on a", "3 on b");
    scheduler.slotFree(b);
    place("4", Affinity.ANY);
    assertThat(log).endsWith("4 on b");
    scheduler.slotFree(a);
    assertThat(log).endsWith("2 on a");
  }

  @Test
  void theOlderRequestGoesFirstWhetherItWaitsForOneWorkerOrForAny() {
    bothReady();
    place("1", Affinity.ANY);
    place("2", Affinity.ANY);
    place("any", Affinity.ANY);
    place("only a", new Affinity.Only(a));
    place("any too", Affinity.ANY);
    scheduler.slotFree(a);
    assertThat(log).endsWith("any on a");
    scheduler.slotFree(a);
    assertThat(log).endsWith("only a on a");
    scheduler.slotFree(a);
    assertThat(log).endsWith("any too on a");
  }

  @Test
  void aPreferredWorkerIsTakenIfItHasRoomAndNotWaitedFor() {
    bothReady();
    place("1", new Affinity.Preferred(a));
    place("2", new Affinity.Preferred(a));
    place("3", new Affinity.Preferred(a));
    scheduler.slotFree(b);
    assertThat(log).containsExactly("1 on a", "2 on b", "3 on b");
  }

  @Test
  void aFullQueueOfOneWorkerDoesNotRefuseThoseWhoNeedNotWait() {
    Scheduler narrow = scheduler(1, 0);
    narrow.add(a);
    narrow.add(b);
    narrow.place(new Request("1", new Affinity.Only(a)));
    narrow.place(new Request("2", new Affinity.Only(a)));
    narrow.place(new Request("3", Affinity.ANY));
    assertThat(log).first().isEqualTo("1 on a");
    assertThat(log.get(1)).startsWith("2 refused: Pool 'fake': the queue is full");
    assertThat(log).last().isEqualTo("3 on b");
  }

  @Test
  void thoseWhoWaitForAWorkerThatGoesAreStranded() {
    bothReady();
    place("1", new Affinity.Only(a));
    place("2", new Affinity.Only(a));
    scheduler.remove(a).forEach(SlotRequest::stranded);
    place("3", new Affinity.Only(a));
    assertThat(log).containsExactly("1 on a", "2 stranded", "3 stranded");
    assertThat(scheduler.waiting()).isZero();
  }

  @Test
  void closingRefusesThemInTheOrderInWhichTheyCame() {
    bothReady();
    place("1", Affinity.ANY);
    place("2", Affinity.ANY);
    place("3", new Affinity.Only(b));
    place("4", Affinity.ANY);
    place("5", new Affinity.Only(a));
    List<SlotRequest> refused = scheduler.close();
    assertThat(refused).extracting(Object::toString).containsExactly("3", "4", "5");
  }

  private final class Request implements SlotRequest {
    private final String name;
    private final Affinity affinity;

    Request(String name, Affinity affinity) {
      this.name = name;
      this.affinity = affinity;
    }

    @Override
    public Affinity affinity() {
      return affinity;
    }

    @Override
    public boolean counts() {
      return true;
    }

    @Override
    public void queued() {}

    @Override
    public boolean isDone() {
      return false;
    }

    @Override
    public boolean assigned(PooledWorker worker) {
      log.add(name + " on " + worker);
      return true;
    }

    @Override
    public void refuse(Supplier<TerrariumException> why) {
      log.add(name + " refused: " + why.get().getMessage());
    }

    @Override
    public void stranded() {
      log.add(name + " stranded");
    }

    @Override
    public String toString() {
      return name;
    }
  }
}
