package dev.terrarium.process;

import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.Ending;
import dev.terrarium.process.ProcessKiller.Result;
import dev.terrarium.testkit.Child;
import dev.terrarium.testkit.Strangers;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// A number that is given out again must not carry a kill with it: a hundred times, in each way in
/// which the killer sends a signal.
@Timeout(120)
final class PidReuseTest {
  private static final int TIMES = 100;
  private static final Duration TIMEOUT = Duration.ofSeconds(20);
  private static final String WHY = "test";

  private final Birthmark mark = Birthmark.choose().chosen().orElseThrow();
  private final RunId run = RunId.generate();
  private final ProcessKiller killer = new ProcessKiller(_ -> {});

  /// The ways to send a signal to somebody who bears a mark.
  enum Way {
    SIGNAL {
      @Override
      void signal(PidReuseTest test, ProcessIdentity target) {
        test.killer.signal(target, test.mark, Signal.TERM, WHY);
      }
    },
    ESCALATE {
      @Override
      void signal(PidReuseTest test, ProcessIdentity target) {
        test.killer.escalate(target, test.mark, Duration.ofNanos(100_000), WHY);
      }
    },
    GROUP {
      @Override
      void signal(PidReuseTest test, ProcessIdentity target) {
        test.killer.signalGroup(target.pid(), test.mark, Signal.TERM, WHY);
      }
    },
    RUN_ID {
      @Override
      void signal(PidReuseTest test, ProcessIdentity target) {
        test.killer.killByRunId(test.run, test.mark, Duration.ZERO, WHY);
      }
    },
    SWEEP {
      @Override
      void signal(PidReuseTest test, ProcessIdentity target) {
        test.killer.sweep(test.mark, WHY, TIMEOUT);
      }
    };

    abstract void signal(PidReuseTest test, ProcessIdentity target);
  }

  @ParameterizedTest
  @EnumSource
  void hitsNobodyWhoGetsTheNumberMeanwhile(Way way) throws InterruptedException {
    // Strangers name the run on their command lines, too.
    try (Strangers strangers = Strangers.start(RunId.FLAG, run.value())) {
      while (strangers.taken() < TIMES) {
        ProcessIdentity target = victim(strangers);
        signalFromBeforeUntilAfter(
            () -> strangers.replace(target.pid()), () -> way.signal(this, target));
      }
      assertThat(strangers.dead(TIMES)).isEmpty();
    }
  }

  /// At every moment there is: signals again and again while the one dies and the other gets its
  /// number.
  private static void signalFromBeforeUntilAfter(Runnable replace, Runnable signal)
      throws InterruptedException {
    var begun = new CountDownLatch(1);
    var replaced = new CountDownLatch(1);
    CompletableFuture<Void> signals =
        CompletableFuture.runAsync(
            () -> {
              while (replaced.getCount() > 0) {
                begun.countDown();
                signal.run();
              }
              signal.run();
            },
            task -> Thread.ofPlatform().daemon().start(task));
    begun.await();
    replace.run();
    replaced.countDown();
    signals.join();
  }

  @Test
  void hitsNobodyWhoGotTheNumberAfterwards() {
    try (Strangers strangers = Strangers.start()) {
      List<ProcessIdentity> dead = victims(strangers);
      dead.forEach(it -> strangers.replace(it.pid()));
      for (ProcessIdentity target : dead) {
        assertThat(killer.signal(target, Signal.KILL, WHY)).isInstanceOf(Result.AlreadyDead.class);
        assertThat(killer.escalate(target, Duration.ZERO, WHY).gone()).isTrue();
        assertThat(killer.signal(target, mark, Signal.KILL, WHY))
            .isInstanceOf(Result.AlreadyDead.class);
        assertThat(killer.escalate(target, mark, Duration.ZERO, WHY).gone()).isTrue();
      }
      assertThat(strangers.dead(TIMES)).isEmpty();
    }
  }

  @Test
  void hitsNobodyWhoGotTheNumberInTheSameTick() {
    try (Child innocent = Child.start("sleep", "1000")) {
      ProcessIdentity twin = ProcessKillerTest.identity(innocent);
      assertThat(killer.signal(twin, mark, Signal.KILL, WHY)).isInstanceOf(Result.NotOurs.class);
      assertThat(innocent.alive()).isTrue();
    }
  }

  @Test
  void aHandleOnTheDeadDoesNotFollowTheNumber() {
    try (Strangers strangers = Strangers.start()) {
      while (strangers.taken() < TIMES) {
        long pid = victim(strangers).pid();
        try (Pidfd handle = ((Pidfd.Opening.Opened) Pidfd.open(pid)).pidfd()) {
          strangers.replace(pid);
          assertThat(handle.send(Signal.KILL)).isEqualTo(Libc.ESRCH);
          assertThat(handle.dead()).isTrue();
        }
      }
      assertThat(strangers.dead(TIMES)).isEmpty();
    }
  }

  @Test
  void aGraceThatOutlivesWhomItWasGivenToEndsInNoKill() {
    try (Strangers strangers = Strangers.start()) {
      var replacing =
          new ProcessKiller(
              entry -> {
                if (entry.signal() == Signal.TERM) {
                  strangers.replace(entry.pid());
                }
              });
      while (strangers.taken() < TIMES) {
        assertThat(replacing.escalate(victim(strangers), mark, TIMEOUT, WHY).ending())
            .isEqualTo(new Ending.Dead(false));
      }
      assertThat(strangers.dead(TIMES)).isEmpty();
    }
  }

  @Test
  void aSweepHitsNobodyWhoGotTheNumberOfWhomItHadFound() {
    try (Strangers strangers = Strangers.start()) {
      List<ProcessIdentity> found = victims(strangers);
      var policy =
          new SweepPolicy(
              Signal.KILL,
              Duration.ZERO,
              SweepPolicy.Order.ANY,
              bearer -> {
                strangers.replace(bearer.identity().pid());
                return false;
              });
      killer.sweep(Set.of(mark), WHY, policy, TIMEOUT);
      assertThat(found).noneMatch(ProcessIdentity::alive);
      assertThat(strangers.dead(TIMES)).isEmpty();
    }
  }

  @Test
  void aSweepHitsNobodyWhoGotTheNumberOfWhomItHadAsked() {
    try (Strangers strangers = Strangers.start()) {
      List<ProcessIdentity> found = victims(strangers);
      var replacing =
          new ProcessKiller(
              entry -> {
                if (entry.signal() == Signal.TERM) {
                  strangers.replace(entry.pid());
                }
              });
      var policy = new SweepPolicy(Signal.TERM, TIMEOUT, SweepPolicy.Order.ANY, _ -> false);
      replacing.sweep(Set.of(mark), WHY, policy, TIMEOUT);
      assertThat(found).noneMatch(ProcessIdentity::alive);
      assertThat(strangers.dead(TIMES)).isEmpty();
    }
  }

  private ProcessIdentity victim(Strangers strangers) {
    return ProcessIdentity.of(strangers.ours(mark.run(), 1)).orElseThrow();
  }

  private List<ProcessIdentity> victims(Strangers strangers) {
    return Stream.generate(() -> victim(strangers)).limit(TIMES).toList();
  }
}
