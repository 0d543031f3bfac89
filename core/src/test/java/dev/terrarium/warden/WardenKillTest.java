package dev.terrarium.warden;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.terrarium.testkit.Procs;
import dev.terrarium.testkit.Strangers;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// The JVM's own way to end a warden.
@Timeout(60)
@SuppressWarnings("NullAway.Init") // set before each test
final class WardenKillTest {
  private static final int TIMES = 100;

  private WardenHouse house;
  private WardenProcess warden;
  private long pid;

  @BeforeEach
  void startWarden(@TempDir Path home, @TempDir Path sockets) throws IOException {
    house = new WardenHouse(home, sockets);
    warden = WardenProcess.start(house.setup, Charge.COMMON, (_, _) -> {}, () -> true);
    pid = house.warden().pid();
  }

  @AfterEach
  void end() {
    warden.end();
    house.close();
  }

  @Test
  void demandsTheMark() {
    warden.kill("test");
    assertThat(warden.awaitEnd()).isEqualTo("status 137");
    assertThat(house.audit)
        .singleElement()
        .matches(it -> it.pid() == pid && it.outcome().equals("sent"))
        .matches(it -> it.proof().equals("identity, birthmark " + house.mark.run()));
  }

  @Test
  void hitsNobodyWhoGotTheNumberOfOneThatIsDead() {
    warden.kill("test");
    warden.awaitEnd();
    try (Strangers strangers = Strangers.start()) {
      int before = 0;
      for (int round = 0; round < 2 * TIMES && before < TIMES; round++) {
        if (strangers.taken() > before) {
          before = strangers.taken();
          warden.kill("test");
          assertThat(Procs.alive(pid)).isTrue();
          strangers.replace(pid);
        } else {
          strangers.take(pid); // somebody else on this machine was quicker
        }
      }
      assertThat(strangers.dead(TIMES)).isEmpty();
    }
  }

  @Test
  void waitsForNobodyWhoGotTheNumberOfOneThatIsDead() {
    warden.kill("test");
    warden.awaitEnd();
    try (Strangers strangers = Strangers.start()) {
      strangers.take(pid);
      assumeThat(strangers.taken()).isOne();
      long begin = System.nanoTime();
      warden.end();
      Duration took = Duration.ofNanos(System.nanoTime() - begin);
      assertThat(took).isLessThan(WardenProcess.DEATH_TIMEOUT); // all of it, for somebody else
      assertThat(CompletableFuture.supplyAsync(warden::awaitEnd))
          .succeedsWithin(WardenProcess.DEATH_TIMEOUT);
    }
  }
}
