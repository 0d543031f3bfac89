package dev.terrarium.warden;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.terrarium.Exit;
import dev.terrarium.Start;
import dev.terrarium.StartFailedException;
import dev.terrarium.process.ProcessName;
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
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
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
  private static final ProcessName NAME = ProcessName.worker("a", NUMBER);
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

  /// Orders that had waited for a warden were lost where one of them failed for want of memory, and
  /// those who had given them waited for ever.
  @Test
  void giveAllOrdersThatWaitedToTheNextWardenThoughOneFailsAtFirst() throws InterruptedException {
    var goOn = new CountDownLatch(1);
    house.beforeWarden = () -> awaitOpen(goOn);
    Signals.kill(house.warden());
    await().until(() -> wardens.knows(UNKNOWN)); // one is being replaced
    var forgetful = new Forgetful();
    wardens.dump(UNKNOWN, forgetful);
    wardens.spawn(NUMBER, order("true"), new Owner());
    goOn.countDown();
    cleared.await();
    assertThat(forgetful.troubles).isZero();
    assertThat(reports).first().isEqualTo("spawned, known");
  }

  private static void awaitOpen(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  /// Has no memory the first time that it is given on.
  private static final class Forgetful implements Consumer<String> {
    private volatile int troubles = 1;

    @Override
    public void accept(String answer) {}

    @Override
    @SuppressWarnings("EqualsHashCode")
    public boolean equals(@Nullable Object other) {
      if (troubles > 0) {
        troubles = 0;
        throw new OutOfMemoryError("Java heap space");
      }
      return this == other;
    }

    @Override
    public int hashCode() {
      return 1;
    }
  }

  /// It stood on no roster any more.
  @Test
  void tellWhoeverHadNoMemoryToHearThatNoWardenStartsOnceMore() throws Exception {
    Path script = house.setup.script();
    Path away = script.resolveSibling("away");
    Files.move(script, away);
    Signals.kill(house.warden());
    await().until(() -> wardens.knows(UNKNOWN)); // one is being replaced
    var owner = new Owner();
    owner.troubles = 1;
    wardens.spawn(NUMBER, order("true"), owner);
    await().atMost(PATIENCE).until(() -> !reports.isEmpty());
    assertThat(reports.remove()).startsWith("failed: no warden could be started");
    assertThat(owner.troubles).isZero();
    Files.move(away, script);
  }

  private Messages.Spawn order(String... command) {
    var spec =
        new Messages.Spec(
            List.of(Messages.PROTOCOL),
            new Messages.Token("none"),
            house.setup.socket().toString(),
            house.setup.run(),
            NAME,
            null,
            "none.py",
            null,
            null,
            null,
            20,
            null,
            Map.of());
    return new Messages.Spawn(
        NAME, Start.EXEC, null, List.of(command), Map.of(), List.of(), null, null, null, spec);
  }

  /// Notes what it is told, and whether the process is known at that moment.
  private final class Owner implements WorkerProcess {
    private volatile int troubles; // how often it has no memory to hear that it is refused

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
      if (troubles > 0) {
        troubles = 0;
        throw new OutOfMemoryError("Java heap space");
      }
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
