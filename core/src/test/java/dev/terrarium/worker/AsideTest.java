package dev.terrarium.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.terrarium.base.Each;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// A close once threw "unable to create native thread" half-way.
@Timeout(30)
final class AsideTest {
  private final List<Thread> ran = new ArrayList<>();

  @Test
  void aTaskHasAThreadOfItsOwn() {
    CompletableFuture.runAsync(this::note, new Aside("aside-test")).join();
    assertThat(ran).singleElement().matches(it -> it.getName().equals("aside-test"));
  }

  @Test
  void whereNoThreadCanBeMadeItIsDoneHereWithoutTheInterrupt() {
    var aside =
        new Aside(
            task ->
                new Thread(task) {
                  @Override
                  public void start() {
                    throw new OutOfMemoryError("unable to create native thread");
                  }
                });
    Thread.currentThread().interrupt();
    aside.execute(
        () -> {
          assertThat(Thread.currentThread().isInterrupted()).isFalse();
          note();
        });
    assertThat(Thread.interrupted()).isTrue();
    assertThat(ran).containsExactly(Thread.currentThread());
  }

  @Test
  void whatOneThrowsKeepsNoOtherFromItsTurn() {
    List<Integer> seen = new ArrayList<>();
    assertThatThrownBy(
            () ->
                Each.of(
                    List.of(1, 2, 3),
                    it -> {
                      seen.add(it);
                      if (it == 2) {
                        throw new OutOfMemoryError("two");
                      }
                    }))
        .hasMessage("two");
    assertThat(seen).containsExactly(1, 2, 3);
  }

  private void note() {
    ran.add(Thread.currentThread());
  }
}
