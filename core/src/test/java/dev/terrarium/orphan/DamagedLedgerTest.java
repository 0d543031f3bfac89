package dev.terrarium.orphan;

import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.CleanupPolicy;
import dev.terrarium.OrphanProcess;
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
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// Whatever became of a dead run's ledger: its processes are found by what they bear, and nobody is
/// ended because he stands in it.
@Timeout(120)
@SuppressWarnings("NullAway.Init") // set before each test
final class DamagedLedgerTest {
  private static final int CUTS = 200;

  @TempDir private Path home;
  private final Birthmark mark = Birthmark.choose().chosen().orElseThrow();
  private final List<AuditLog.Entry> audit = new CopyOnWriteArrayList<>();
  private StateDirectory state;
  private RunDirectory run;
  private Path ledger;
  private List<Child> ours;
  private List<Child> strangers;

  /// A worker with a row, one that was only reserved, and a process of no row; and strangers.
  @BeforeEach
  void setUp() {
    state = StateDirectory.at(home.resolve("state"));
    run = newRun(new Birthmark.Choice.Chosen(mark));
    ledger = run.path().resolve("ledger.jsonl");
    ours = Stream.of(1, 2, 3).map(it -> Child.marked(mark.run(), it, "sleep", "1000")).toList();
    strangers = Stream.of(1, 2).map(_ -> Child.start("sleep", "1000")).toList();
    try (ProcessRegistry registry = ProcessRegistry.open(run, true)) {
      record(registry, 1, ours.getFirst().pid());
      registry.reserve(ProcessName.worker("a", 2), 2);
    }
    run.close();
  }

  @AfterEach
  void end() {
    ours.forEach(Child::close);
    strangers.forEach(Child::close);
  }

  private RunDirectory newRun(Birthmark.Choice choice) {
    RunId id = RunId.generate();
    return RunDirectory.create(state, id, choice, home.resolve("terrarium-" + id));
  }

  private static void record(ProcessRegistry registry, long number, long pid) {
    registry.reserve(ProcessName.worker("a", number), number);
    long ticks = ProcessIdentity.of(pid).orElseThrow().startTicks();
    registry.activate(number, pid, ticks, pid);
  }

  /// What may become of a ledger.
  enum Damage {
    NONE {
      @Override
      void to(Path ledger) {}
    },
    MISSING {
      @Override
      void to(Path ledger) throws IOException {
        Files.delete(ledger);
      }
    },
    EMPTY {
      @Override
      void to(Path ledger) throws IOException {
        Files.write(ledger, new byte[0]);
      }
    },
    CUT_IN_HALF {
      @Override
      void to(Path ledger) throws IOException {
        Files.write(
            ledger, Arrays.copyOf(Files.readAllBytes(ledger), (int) Files.size(ledger) / 2));
      }
    },
    EVERY_BIT_FLIPPED {
      @Override
      void to(Path ledger) throws IOException {
        byte[] bytes = Files.readAllBytes(ledger);
        for (int i = 0; i < bytes.length; i++) {
          bytes[i] = (byte) ~bytes[i];
        }
        Files.write(ledger, bytes);
      }
    },
    NOISE {
      @Override
      void to(Path ledger) throws IOException {
        byte[] noise = new byte[100_000];
        new Random(noise.length).nextBytes(noise);
        Files.write(ledger, noise);
      }
    },
    IN_REVERSE {
      @Override
      void to(Path ledger) throws IOException {
        Files.write(ledger, Files.readAllLines(ledger).reversed());
      }
    },
    TWICE {
      @Override
      void to(Path ledger) throws IOException {
        List<String> lines = Files.readAllLines(ledger);
        Files.write(ledger, Collections.nCopies(2, lines).stream().flatMap(List::stream).toList());
      }
    },
    A_DIRECTORY {
      @Override
      void to(Path ledger) throws IOException {
        Files.delete(ledger);
        Files.createDirectory(ledger);
      }
    },
    UNREADABLE {
      @Override
      void to(Path ledger) throws IOException {
        Files.setPosixFilePermissions(ledger, PosixFilePermissions.fromString("---------"));
      }
    };

    abstract void to(Path ledger) throws IOException;
  }

  @ParameterizedTest
  @EnumSource
  void hidesNobodyAndPointsAtNobody(Damage damage) throws IOException {
    damage.to(ledger);
    assertOnlyOursEnd();
  }

  @Test
  void rowsOfStrangersEndNobody() {
    // Two at a time: a few rows among ours, and ten thousand.
    for (int rows : new int[] {2, 10_000}) {
      RunDirectory another = newRun(Birthmark.choose());
      long init = 1;
      long self = ProcessHandle.current().pid();
      List<Long> pids =
          Stream.concat(strangers.stream().map(Child::pid), Stream.of(init, self)).toList();
      try (ProcessRegistry registry = ProcessRegistry.open(another, true)) {
        for (int i = 0; i < rows; i++) {
          record(registry, i + 1, pids.get(i % pids.size()));
        }
      }
      another.close();
    }
    assertOnlyOursEnd();
    assertThat(state.runs()).isEmptyDirectory();
  }

  @Test
  void rowsThatBelongToAnotherRunEndNobody() throws IOException {
    RunDirectory neighbour = newRun(Birthmark.choose());
    long itsMark = neighbour.manifest().identity().birthmark().orElseThrow().run();
    try (Child worker = Child.marked(itsMark, 1, "sleep", "1000");
        ProcessRegistry registry = ProcessRegistry.open(neighbour, true)) {
      record(registry, 1, worker.pid());
      // Two wrote to one file: each line is whole, and the neighbour lives.
      Path itsLedger = neighbour.path().resolve("ledger.jsonl");
      Files.write(ledger, Files.readAllBytes(itsLedger), java.nio.file.StandardOpenOption.APPEND);
      assertOnlyOursEnd();
      assertThat(worker.alive()).isTrue();
    }
    neighbour.allClear();
    neighbour.close();
  }

  @Test
  void aCutAnywhereHidesNobody() throws IOException {
    byte[] whole = Files.readAllBytes(ledger);
    OrphanDetector detector =
        new OrphanDetector(state, new ProcessKiller(audit::add), CleanupPolicy.defaults());
    List<Long> expected = ours.stream().map(Child::pid).toList();
    for (int i = 0; i <= CUTS; i++) {
      Files.write(ledger, Arrays.copyOf(whole, whole.length * i / CUTS));
      assertThat(detector.findOrphanedProcesses())
          .extracting(OrphanProcess::pid)
          .containsExactlyInAnyOrderElementsOf(expected);
    }
    assertOnlyOursEnd();
  }

  private void assertOnlyOursEnd() {
    CleanupPolicy policy = CleanupPolicy.defaults().withGrace(Duration.ZERO);
    CleanupReport report = new StartupCleanup(state, new ProcessKiller(audit::add), policy).run();
    assertThat(report.killed()).isEqualTo(ours.size());
    assertThat(ours).noneMatch(Child::alive);
    assertThat(strangers).allMatch(Child::alive);
    assertThat(audit)
        .extracting(AuditLog.Entry::pid)
        .containsExactlyInAnyOrderElementsOf(ours.stream().map(Child::pid).toList());
    assertThat(run.path()).doesNotExist();
  }
}
