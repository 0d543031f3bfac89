package dev.terrarium.warden;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.terrarium.Exit;
import dev.terrarium.StartFailedException;
import dev.terrarium.testkit.Child;
import dev.terrarium.testkit.Procs;
import dev.terrarium.testkit.Procs.Proc;
import dev.terrarium.testkit.Signals;
import dev.terrarium.wire.Messages;
import java.io.IOException;
import java.nio.file.Path;
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

  /// Who has called `vfork` sleeps in state D until the child has let go of its memory.
  @Test
  void costAWorkerThatIsStuckInTheKernelNoWarden() {
    String vfork = "import ctypes, signal; ctypes.CDLL(None).vfork(); signal.pause()";
    Proc warden = house.warden();
    try (Child stuck = Child.start("python3", "-c", vfork)) {
      await().until(() -> Procs.state(stuck.pid()).orElse('?') == 'D');
      List<Proc> below = Procs.descendants(stuck.pid());
      try {
        wardens.doubt(stuck.pid());
        assertThat(house.audit).isEmpty();
        assertThat(house.warden().is(warden)).isTrue();
        wardens.doubt(ProcessHandle.current().pid()); // who is not stuck: so it is the warden
        assertThat(house.audit).hasSize(1);
      } finally {
        below.forEach(Signals::kill);
      }
    }
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
