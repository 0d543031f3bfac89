package dev.terrarium.pool;

import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.Pool;
import dev.terrarium.process.ProcessName;
import dev.terrarium.worker.Worker;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

final class IdleWorkersTest {
  private final Worker a = worker("a");
  private final Worker b = worker("b");
  private final Worker c = worker("c");

  // Who is never started needs nothing.
  @SuppressWarnings("NullAway")
  private static Worker worker(String id) {
    return new Worker(
        ProcessName.worker(id, 1),
        1,
        Pool.builder().adapter(Path.of("x.py")).build(),
        null,
        null,
        null);
  }

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
}
