package dev.terrarium.orphan;

import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.event.Events;
import dev.terrarium.event.TerrariumEvent;
import dev.terrarium.event.TerrariumEvent.Drift;
import dev.terrarium.event.TerrariumEvent.DriftFound;
import dev.terrarium.process.AuditLog;
import dev.terrarium.process.Birthmark;
import dev.terrarium.process.ProcessIdentity;
import dev.terrarium.process.ProcessKiller;
import dev.terrarium.process.ProcessName;
import dev.terrarium.process.RunId;
import dev.terrarium.registry.ProcessRegistry;
import dev.terrarium.registry.RunDirectory;
import dev.terrarium.registry.StateDirectory;
import dev.terrarium.testkit.Child;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
final class ProcessAuditorTest {
  @TempDir private Path home;
  private final Birthmark mark = Birthmark.choose().chosen().orElseThrow();
  private final Set<Long> known = ConcurrentHashMap.newKeySet();
  private final List<AuditLog.Entry> audit = new CopyOnWriteArrayList<>();
  private final List<TerrariumEvent> told = new CopyOnWriteArrayList<>();
  private final Events events = new Events("test");
  private RunDirectory directory;
  private ProcessRegistry registry;
  private ProcessAuditor auditor;

  @BeforeEach
  void setUp() {
    directory =
        RunDirectory.create(
            StateDirectory.at(home.resolve("state")),
            RunId.generate(),
            new Birthmark.Choice.Chosen(mark),
            home.resolve("terrarium-x"));
    registry = ProcessRegistry.open(directory, true);
    events.subscribe(TerrariumEvent.class, told::add);
    auditor = auditor(Duration.ofHours(1), () -> {});
  }

  private ProcessAuditor auditor(Duration interval, Runnable alsoLook) {
    return new ProcessAuditor(
        "test",
        mark,
        registry,
        known::contains,
        new ProcessKiller(audit::add),
        events,
        interval,
        alsoLook);
  }

  @AfterEach
  void tearDown() {
    events.close();
    registry.close();
    directory.allClear();
    directory.close();
  }

  @Test
  void findsNothingWhereLedgerAndMachineAgree() {
    try (Child worker = worker(1)) {
      auditor.look();
      auditor.look();
      assertThat(worker.alive()).isTrue();
      assertThat(registry.has(1)).isTrue();
      assertThat(drifts()).isEmpty();
      assertThat(audit).isEmpty();
    }
  }

  @Test
  void releasesARowWhoseWorkerIsDeadAndUnknown() {
    Child worker = worker(1);
    worker.kill();
    auditor.look();
    assertThat(registry.has(1)).isFalse();
    assertThat(drifts()).singleElement().matches(it -> it.drift() == Drift.ROW_WITHOUT_WORKER);
  }

  @Test
  void leavesARowToTheWardenThatKnowsItsWorker() {
    known.add(1L);
    worker(1).kill();
    auditor.look();
    assertThat(registry.has(1)).isTrue();
    assertThat(drifts()).isEmpty();
  }

  @Test
  void leavesAReservationItsTimeToBecomeAProcess() {
    registry.reserve(ProcessName.worker("a", 1), 1);
    auditor.look();
    assertThat(registry.has(1)).isTrue();
  }

  @Test
  void endsAProcessOfNoRowAtItsSecondSight() {
    try (Child stray = Child.marked(mark.run(), 7, "sleep", "1000")) {
      auditor.look();
      assertThat(stray.alive()).isTrue();
      auditor.look();
      stray.awaitExit();
      assertThat(drifts())
          .singleElement()
          .matches(it -> it.drift() == Drift.PROCESS_WITHOUT_ROW && it.pid() == stray.pid());
      assertThat(audit).singleElement().matches(it -> it.proof().contains("birthmark"));
    }
  }

  @Test
  void leavesAProcessOfNoRowToTheWardenThatKnowsItsWorker() {
    known.add(7L);
    try (Child stray = Child.marked(mark.run(), 7, "sleep", "1000")) {
      auditor.look();
      auditor.look();
      assertThat(stray.alive()).isTrue();
    }
  }

  @Test
  void leavesAloneWhatBearsAnotherMark() {
    try (Child other = Child.marked(mark.run() - 1, 7, "sleep", "1000")) {
      auditor.look();
      auditor.look();
      assertThat(other.alive()).isTrue();
    }
  }

  @Test
  void looksFromTimeToTimeAndGoesOnAfterAFailure() throws InterruptedException {
    var looks = new CountDownLatch(3);
    ProcessAuditor often =
        auditor(
            Duration.ofMillis(1),
            () -> {
              looks.countDown();
              throw new IllegalStateException("a mistake of whoever looks as well");
            });
    try (often) {
      often.start();
      looks.await();
    }
  }

  private List<DriftFound> drifts() {
    events.close(); // after all that waits was told
    return told.stream().map(DriftFound.class::cast).toList();
  }

  private Child worker(long number) {
    Child child = Child.marked(mark.run(), number, "sleep", "1000");
    registry.reserve(ProcessName.worker("a", number), number);
    long ticks = ProcessIdentity.of(child.pid()).orElseThrow().startTicks();
    registry.activate(number, child.pid(), ticks, child.pid());
    return child;
  }
}
