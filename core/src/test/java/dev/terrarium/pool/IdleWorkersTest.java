package dev.terrarium.pool;

import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.call.PooledWorker;
import java.util.Set;
import org.junit.jupiter.api.Test;

final class IdleWorkersTest {
  private final PooledWorker a = new FakeWorker("a", new NoListener());
  private final PooledWorker b = new FakeWorker("b", new NoListener());
  private final PooledWorker c = new FakeWorker("c", new NoListener());

  private IdleWorkers all(int concurrency) {
    IdleWorkers idle = new IdleWorkers(concurrency, 4);
    idle.add(a);
    idle.add(b);
    idle.add(c);
    return idle;
  }

  @Test
  void theOneUsedLastGoesOutFirst() {
    IdleWorkers idle = all(1);
    assertThat(idle.take()).isSameAs(c);
    assertThat(idle.take()).isSameAs(b);
    idle.giveBack(c);
    assertThat(idle.take()).isSameAs(c);
    assertThat(idle.take()).isSameAs(a);
    assertThat(idle.take()).isNull();
    assertThat(idle.busy()).isEqualTo(3);
  }

  @Test
  void theLeastLoadedGoesFirst() {
    IdleWorkers idle = all(2);
    assertThat(idle.take()).isSameAs(c);
    assertThat(idle.take()).isSameAs(b);
    assertThat(idle.take()).isSameAs(a);
    assertThat(idle.take()).isSameAs(a);
    idle.giveBack(c);
    assertThat(idle.take()).isSameAs(c);
    assertThat(idle.take()).isSameAs(c);
    assertThat(idle.take()).isSameAs(b);
    assertThat(idle.take()).isNull();
  }

  @Test
  void oneThatIsGoneIsNotTakenWhateverItsLoad() {
    IdleWorkers idle = all(2);
    assertThat(idle.take()).isSameAs(c);
    idle.remove(c);
    idle.remove(a);
    assertThat(idle.holds(c)).isFalse();
    assertThat(idle.count()).isEqualTo(1);
    assertThat(idle.busy()).isZero();
    idle.giveBack(c);
    assertThat(idle.take()).isSameAs(b);
    assertThat(idle.take()).isSameAs(b);
    assertThat(idle.take()).isNull();
  }

  @Test
  void givingBackMoreThanWasTakenChangesNothing() {
    IdleWorkers idle = new IdleWorkers(1, 4);
    idle.add(a);
    idle.giveBack(a);
    assertThat(idle.take()).isSameAs(a);
    assertThat(idle.take()).isNull();
  }

  @Test
  void aCertainOneIsTakenAsLongAsItHasRoom() {
    IdleWorkers idle = all(2);
    assertThat(idle.take(a)).isTrue();
    assertThat(idle.take(a)).isTrue();
    assertThat(idle.take(a)).isFalse();
    assertThat(idle.hasRoom(a)).isFalse();
    assertThat(idle.take()).isSameAs(c);
    idle.giveBack(a);
    assertThat(idle.hasRoom(a)).isTrue();
    idle.remove(a);
    assertThat(idle.take(a)).isFalse();
  }

  @Test
  void someAreLeftOutWhereTheyAreWantedByOthers() {
    IdleWorkers idle = all(1);
    assertThat(idle.takeOtherThan(Set.of(c, b))).isSameAs(a);
    assertThat(idle.takeOtherThan(Set.of(c, b))).isNull();
    assertThat(idle.hasRoom()).isTrue();
  }
}
