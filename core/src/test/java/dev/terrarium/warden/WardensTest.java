package dev.terrarium.warden;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.terrarium.Exit;
import dev.terrarium.StartFailedException;
import dev.terrarium.testkit.Procs.Proc;
import dev.terrarium.testkit.Signals;
import dev.terrarium.wire.Messages;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// What is known of a process until its owner has been told everything: whoever looks for drift
/// meanwhile must not take it for an oversight.
@Timeout(60)
@SuppressWarnings("NullAway.Init") // set before each test
final class WardensTest {
  private static final long NUMBER = 7;
  private static final long UNKNOWN = 99;
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private WardenHouse house;
  private Wardens wardens;
  private final Queue<String> reports = new ConcurrentLinkedQueue<>();
  private final CountDownLatch spawned = new CountDownLatch(1);
  private final CountDownLatch cleared = new CountDownLatch(1);

  @BeforeEach
  void start(@TempDir Path home, @TempDir Path sockets) throws IOException {
    house = new WardenHouse(home, sockets);
    wardens = new Wardens(house.setup, Charge.COMMON, _ -> true);
    wardens.start();
  }

  @AfterEach
  void end() {
    wardens.shutDown();
    house.close();
  }

  @Test
  void knowAProcessUntilItsOwnerHasHeardThatItIsCleared() throws InterruptedException {
    wardens.spawn(NUMBER, order("true"), new Owner());
    cleared.await();
    assertThat(reports)
        .containsExactly("spawned, known", "Status[code=0], known", "cleared, known");
  }

  @Test
  void knowAllWhileAWardenIsReplaced() throws InterruptedException {
    Proc warden = house.warden();
    wardens.spawn(NUMBER, order("sleep", "1000"), new Owner());
    spawned.await();
    Signals.kill(warden);
    cleared.await();
    assertThat(reports)
        .containsExactly(
            "spawned, known", "Unknown[reason=it died with its warden], known", "cleared, known");
  }

  /// After three failures within a moment a runtime took no workers any more, for good.
  @Test
  void tellThoseWhoWaitThatNoWardenStartsAndGoOnTrying() throws Exception {
    Path script = house.setup.script();
    Path away = script.resolveSibling("away");
    Files.move(script, away);
    Signals.kill(house.warden());
    await().until(() -> wardens.knows(UNKNOWN)); // one is being replaced
    wardens.spawn(NUMBER, order("true"), new Owner());
    await().atMost(PATIENCE).until(() -> !reports.isEmpty());
    assertThat(reports.remove())
        .startsWith("failed: no warden could be started, and it is tried again: 3 starts in a row");
    Files.move(away, script);
    wardens.spawn(NUMBER + 1, order("true"), new Owner());
    await().atMost(PATIENCE).until(() -> cleared.getCount() == 0);
    assertThat(reports).first().asString().startsWith("spawned");
  }

  private Messages.Spawn order(String... command) {
    var spec =
        new Messages.Spec(
            List.of(Messages.PROTOCOL),
            new Messages.Token("none"),
            house.setup.socket().toString(),
            house.setup.run(),
            "a-7",
            "a",
            null,
            "none.py",
            null,
            null,
            null,
            20,
            null,
            Map.of());
    return new Messages.Spawn(
        "a-7",
        "worker",
        "exec",
        null,
        List.of(command),
        Map.of(),
        List.of(),
        null,
        null,
        null,
        spec);
  }

  /// Notes what it is told, and whether the process is known at that moment.
  private final class Owner implements WorkerProcess {
    private void note(String report) {
      reports.add(report + (wardens.knows(NUMBER) ? ", known" : ", unknown"));
    }

    @Override
    public void spawned(long pid, long startTicks) {
      note("spawned");
      spawned.countDown();
    }

    @Override
    public void spawnFailed(StartFailedException.Reason reason, String why) {
      note("failed: " + why);
    }

    @Override
    public void exited(Exit exit, String stderrTail, String limit) {
      note(exit.toString());
    }

    @Override
    public void cleared(int strays) {
      note("cleared");
      cleared.countDown();
    }

    @Override
    public void output(Messages.Output output) {}
  }
}
