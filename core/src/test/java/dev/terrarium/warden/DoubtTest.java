package dev.terrarium.warden;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.terrarium.process.ProcessIdentity;
import dev.terrarium.testkit.Child;
import dev.terrarium.testkit.Procs;
import dev.terrarium.testkit.Procs.Proc;
import dev.terrarium.testkit.Signals;
import dev.terrarium.testkit.Tracer;
import dev.terrarium.warden.Doubt.Finding;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// One worker that cannot be collected cost the warden its life, and with it every pool: it had
/// been told to kill that worker, and five seconds later had not reported its death.
@Timeout(60)
@SuppressWarnings("NullAway.Init") // set before each test
final class DoubtTest {
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private WardenHouse house;
  private WardenProcess warden;

  @BeforeEach
  void startWarden(@TempDir Path home, @TempDir Path sockets) throws IOException {
    house = new WardenHouse(home, sockets);
    warden = WardenProcess.start(house.setup, Charge.COMMON, (_, _) -> {}, () -> true);
  }

  @AfterEach
  void end() {
    warden.end();
    house.close();
  }

  @Test
  void aWorkerThatIsDeadAndHeldByATracerCostsNoWarden() {
    try (Child worker = Child.start("sleep", "1000");
        Tracer tracer = Tracer.of(worker.pid())) {
      ProcessIdentity identity = identity(worker);
      Signals.kill(Procs.find(worker.pid()).orElseThrow());
      awaitState(worker.pid(), 'Z');
      assertThat(answered(identity))
          .isEqualTo(
              new Finding.Dead(
                  "dead; process %d traces it and has not let go of it".formatted(tracer.pid())));
    }
    assertThat(house.audit).isEmpty();
  }

  @Test
  void aWorkerThatIsStoppedOnItsWayOutCostsNoWarden() {
    try (Child worker = Child.start("sleep", "1000");
        Tracer _ = Tracer.atExitOf(worker.pid())) {
      ProcessIdentity identity = identity(worker);
      Signals.kill(Procs.find(worker.pid()).orElseThrow());
      awaitState(worker.pid(), 't');
      assertThat(answered(identity)).isInstanceOf(Finding.Excused.class);
    }
    assertThat(house.audit).isEmpty();
  }

  /// Who has called `vfork` sleeps in state D until the child has let go of its memory.
  @Test
  void aWorkerThatIsStuckInTheKernelCostsNoWarden() {
    String vfork = "import ctypes, signal; ctypes.CDLL(None).vfork(); signal.pause()";
    try (Child stuck = Child.start("python3", "-c", vfork)) {
      awaitState(stuck.pid(), 'D');
      List<Proc> below = Procs.descendants(stuck.pid());
      try {
        assertThat(answered(identity(stuck)))
            .isEqualTo(
                new Finding.Excused("stuck in the kernel (state D); it dies when that lets it go"));
      } finally {
        below.forEach(Signals::kill);
      }
    }
    assertThat(house.audit).isEmpty();
  }

  @Test
  void aWorkerThatTheWardenHasNotKilledIsKilledByTheJvm() {
    try (Child worker = Child.marked(house.mark.run(), 7, "sleep", "1000")) {
      assertThat(answered(identity(worker))).isInstanceOf(Finding.Excused.class);
      assertThat(house.audit).singleElement().matches(it -> it.pid() == worker.pid());
      assertThat(worker.awaitExit()).isEqualTo(137);
    }
  }

  @Test
  void aProcessThatDoesNotBearTheMarkIsLeftAlone() {
    try (Child stranger = Child.start("sleep", "1000")) {
      assertThat(answered(identity(stranger))).isInstanceOf(Finding.Excused.class);
      assertThat(house.audit).singleElement().matches(it -> it.outcome().startsWith("not ours"));
      assertThat(stranger.alive()).isTrue();
    }
  }

  @Test
  void aWardenThatHasLostAWorkerIsReplaced() {
    ProcessIdentity gone;
    try (Child worker = Child.start("sleep", "1000")) {
      gone = identity(worker);
    }
    assertThat(answered(gone)).isEqualTo(new Finding.Replaced("it has lost process " + gone.pid()));
    assertThat(warden.awaitEnd()).isEqualTo("status 137");
  }

  @Test
  void aWardenThatIsStoppedIsReplaced() {
    Proc process = house.warden();
    Signals.pause(process);
    awaitState(process.pid(), 'T');
    Finding finding =
        new Doubt(house.setup, Optional.of(warden), true, Optional.empty()).conclude();
    assertThat(finding).isEqualTo(new Finding.Replaced("it does not answer"));
    assertThat(warden.awaitEnd()).isEqualTo("status 137");
  }

  @Test
  void nobodyIsToBlameWhileAWardenIsReplaced() {
    assertThat(new Doubt(house.setup, Optional.empty(), true, Optional.empty()).conclude())
        .isEqualTo(new Finding.Excused("the warden is being replaced"));
  }

  /// A worker whose order had got lost was waited for until its pool closed.
  @Test
  void aWorkerOfWhichNothingIsToBeReportedAnyMoreIsGone() {
    assertThat(new Doubt(house.setup, Optional.of(warden), false, Optional.empty()).conclude())
        .isEqualTo(new Finding.Dead("unknown to its warden"));
    assertThat(house.audit).isEmpty();
  }

  private static ProcessIdentity identity(Child child) {
    return ProcessIdentity.of(child.pid()).orElseThrow();
  }

  private static void awaitState(long pid, char state) {
    await().atMost(PATIENCE).until(() -> Procs.state(pid).orElse('?') == state);
  }

  /// What is found when the warden has answered.
  private Finding answered(ProcessIdentity worker) {
    long before = System.nanoTime();
    var doubt = new Doubt(house.setup, Optional.of(warden), true, Optional.of(worker));
    await().atMost(PATIENCE).until(() -> warden.answeredSince(before));
    return doubt.conclude();
  }
}
