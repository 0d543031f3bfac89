package dev.terrarium.registry;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.nio.file.StandardOpenOption.APPEND;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.terrarium.base.ManualClock;
import dev.terrarium.process.Birthmark;
import dev.terrarium.process.ProcessIdentity;
import dev.terrarium.process.ProcessName;
import dev.terrarium.process.ProcessName.Role;
import dev.terrarium.process.RunId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.UnaryOperator;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@SuppressWarnings("NullAway.Init") // set before each test
final class ProcessRegistryTest {
  @TempDir private Path home;
  private RunDirectory run;
  private ProcessRegistry registry;
  private Path file;

  @BeforeEach
  void open() {
    StateDirectory state = StateDirectory.at(home.resolve("state"));
    Path sockets = home.resolve("terrarium-x");
    run = RunDirectory.create(state, RunId.generate(), Birthmark.choose(), sockets);
    registry = ProcessRegistry.open(run, true);
    file = run.path().resolve(ProcessRegistry.FILE);
  }

  @AfterEach
  void close() {
    registry.close();
    run.close();
  }

  @Test
  void writesDownAReservationBeforeTheProcessExists() throws IOException {
    WorkerRow row = registry.reserve(ProcessName.worker("a", 1), 1);
    assertThat(row.fingerprint()).matches("terrarium_worker_a-1_\\d+_\\d+");
    assertThat(row.process()).isEmpty();
    assertThat(row.origin()).isEqualTo(run.manifest().identity());
    assertThat(onDisk().rows()).containsExactly(row);
    assertThat(registry.activePythonPids()).isEmpty();
  }

  @Test
  void writesDownTheProcess() throws IOException {
    registry.reserve(ProcessName.worker("a", 1), 1);
    WorkerRow row = registry.activate(1, 4711, 99, 4711);
    assertThat(onDisk().rows()).containsExactly(row);
    assertThat(registry.find("a-1")).contains(row);
    assertThat(registry.activePythonPids()).containsExactly(4711L);
    assertThat(row.identity())
        .contains(new ProcessIdentity(ProcessIdentity.currentBoot(), 4711, 99));
  }

  /// Removed, cut or replaced from under a living runtime, the ledger went on into a file without a
  /// name: who cleaned up later found rows of workers that were gone, or none at all.
  @ParameterizedTest
  @ValueSource(strings = {"removed", "cut", "replaced"})
  void isWrittenAnewWhereSomebodyHasSpoiledIt(String how) throws IOException {
    registry.reserve(ProcessName.worker("a", 1), 1);
    WorkerRow row = registry.activate(1, 4711, 99, 4711);
    assertThat(registry.mend()).isEmpty();
    switch (how) {
      case "removed" -> Files.delete(file);
      case "cut" -> Files.write(file, new byte[0]);
      default -> {
        Path copy = Files.copy(file, file.resolveSibling("copy"));
        Files.move(copy, file, StandardCopyOption.REPLACE_EXISTING);
      }
    }
    assertThat(registry.mend()).containsExactly(ProcessRegistry.FILE);
    assertThat(onDisk().rows()).containsExactly(row);
    registry.reserve(ProcessName.worker("a", 2), 2);
    assertThat(onDisk().rows()).hasSize(2);
    assertThat(registry.mend()).isEmpty();
  }

  @Test
  void forgetsAReleasedWorker() throws IOException {
    registry.reserve(ProcessName.worker("a", 1), 1);
    registry.activate(1, 4711, 99, 4711);
    assertThat(registry.release(1)).isTrue();
    assertThat(registry.release(1)).isFalse();
    assertThat(registry.listAllWorkers()).isEmpty();
    assertThat(registry.find("a-1")).isEmpty();
    assertThat(onDisk())
        .isEqualTo(
            new LedgerContents(Optional.of(run.manifest().identity()), List.of(), List.of()));
  }

  @Test
  void refusesWhatWouldLoseSightOfAProcess() {
    registry.reserve(ProcessName.worker("a", 1), 1);
    assertThatIllegalStateException()
        .isThrownBy(() -> registry.reserve(ProcessName.worker("a", 2), 1));
    assertThatIllegalStateException()
        .isThrownBy(() -> registry.reserve(ProcessName.worker("a", 1), 2));
    assertThatIllegalStateException().isThrownBy(() -> registry.activate(2, 4711, 99, 4711));
    WorkerRow row = registry.activate(1, 4711, 99, 4711);
    assertThatIllegalStateException().isThrownBy(() -> registry.activate(1, 4712, 99, 4712));
    assertThat(registry.activate(1, 4711, 99, 4711)).isEqualTo(row);
  }

  @Test
  void takesUpWhatIsThere() {
    registry.reserve(ProcessName.worker("a", 1), 1);
    WorkerRow row = registry.activate(1, 4711, 99, 4711);
    registry.close();
    registry = ProcessRegistry.open(run, true);
    assertThat(registry.listAllWorkers()).containsExactly(row);
  }

  @Test
  void cutsOffAnUnfinishedLastLine() throws IOException {
    WorkerRow first = registry.reserve(ProcessName.worker("a", 1), 1);
    registry.close();
    Files.writeString(file, "{\"op\":\"reserve\",\"num", APPEND);
    assertThat(onDisk().rows()).containsExactly(first);
    assertThat(onDisk().problems()).singleElement().asString().contains("unfinished");
    registry = ProcessRegistry.open(run, true);
    WorkerRow second = registry.reserve(ProcessName.worker("a", 2), 2);
    assertThat(onDisk())
        .isEqualTo(
            new LedgerContents(
                Optional.of(run.manifest().identity()), List.of(first, second), List.of()));
  }

  @Test
  void survivesACutAtEveryByte() throws IOException {
    WorkerRow row = registry.reserve(ProcessName.worker("a", 1), 1);
    byte[] whole = Files.readAllBytes(file);
    for (int length = 0; length < whole.length; length++) {
      Files.write(file, Arrays.copyOf(whole, length));
      assertThat(onDisk().rows()).isEmpty();
    }
    Files.write(file, whole);
    assertThat(onDisk().rows()).containsExactly(row);
  }

  @Test
  void skipsABadLineAndSaysSo() throws IOException {
    registry.reserve(ProcessName.worker("a", 1), 1);
    WorkerRow second = registry.reserve(ProcessName.worker("a", 2), 2);
    String text = Files.readString(file);
    Files.writeString(file, text.replaceFirst("a-1", "b-1") + "nonsense\n\u0000\u0000\n");
    assertThat(onDisk().rows()).containsExactly(second);
    assertThat(onDisk().problems()).hasSize(3).first().asString().contains("line 1", "checksum");
  }

  @Test
  void reportsAnActivationWhoseReservationWasLost() throws IOException {
    registry.reserve(ProcessName.worker("a", 1), 1);
    registry.activate(1, 4711, 99, 4711);
    Files.write(file, Files.readAllLines(file).subList(1, 2));
    assertThat(onDisk().rows()).isEmpty();
    assertThat(onDisk().problems()).singleElement().asString().contains("never reserved");
  }

  @Test
  void startsNothingOnAFullDisk() {
    registry.close(); // any failing write will do
    assertThatThrownBy(() -> registry.reserve(ProcessName.worker("a", 1), 1))
        .isInstanceOf(RegistryException.class)
        .hasMessageContainingAll(file.toString(), "nothing was started", "TERRARIUM_HOME");
    assertThat(registry.listAllWorkers()).isEmpty();
  }

  @Test
  void startsWorkersWithoutALedgerWhereThatWasAskedFor() {
    ProcessRegistry lenient = ProcessRegistry.open(run, false);
    lenient.close(); // any failing write will do
    lenient.reserve(ProcessName.worker("a", 1), 1);
    lenient.activate(1, 4711, 99, 4711);
    assertThat(lenient.activePythonPids()).containsExactly(4711L);
  }

  @Test
  void releasesDeadRowsThatNobodyKnowsOf() throws IOException {
    ProcessIdentity alive = ProcessIdentity.self();
    registry.reserve(ProcessName.worker("a", 1), 1);
    registry.activate(1, alive.pid(), alive.startTicks() + 1, 1);
    registry.reserve(ProcessName.worker("a", 2), 2);
    registry.activate(2, alive.pid(), alive.startTicks(), 1);
    registry.reserve(ProcessName.worker("a", 3), 3);
    assertThat(registry.sweep(number -> number == 1)).isEmpty();
    assertThat(registry.sweep(_ -> false)).extracting(WorkerRow::worker).containsExactly("a-1");
    assertThat(registry.listAllWorkers()).extracting(WorkerRow::number).containsOnly(2L, 3L);
    assertThat(onDisk().rows()).extracting(WorkerRow::number).containsOnly(2L, 3L);
  }

  @Test
  void releasesAReservationThatNeverBecameAProcessAfterAWhile() throws IOException {
    var clock = new ManualClock();
    registry.close();
    registry = ProcessRegistry.open(run, true, clock);
    registry.reserve(ProcessName.worker("a", 1), 1);
    clock.advance(ProcessRegistry.RESERVATION_AGE_MAX);
    assertThat(registry.sweep(_ -> false)).isEmpty();
    clock.advance(Duration.ofNanos(1));
    assertThat(registry.sweep(number -> number == 1)).as("the warden knows it").isEmpty();
    assertThat(registry.sweep(_ -> false)).extracting(WorkerRow::worker).containsExactly("a-1");
    assertThat(onDisk().rows()).isEmpty();
  }

  @Test
  void tellsZygotesFromWorkersWhateverTheirPoolIsCalled() throws IOException {
    assertThat(registry.reserve(ProcessName.worker("a", 1), 1).isZygote()).isFalse();
    assertThat(registry.reserve(ProcessName.zygote("a", 1), 2).isZygote()).isTrue();
    assertThat(registry.reserve(ProcessName.worker("a-zygote", 1), 3).isZygote()).isFalse();
    assertThat(registry.reserve(ProcessName.zygote("a-zygote", 1), 4).isZygote()).isTrue();
    LongStream.rangeClosed(1, 4).forEach(it -> registry.activate(it, 100 + it, 99, 100 + it));
    assertThat(registry.activePythonPids()).containsExactlyInAnyOrder(101L, 103L);
    assertThat(onDisk().rows()).containsExactlyInAnyOrderElementsOf(registry.listAllWorkers());
  }

  @Test
  void takesRowsOfEarlierVersionsWhichSayNoRoleForWorkers() throws IOException {
    WorkerRow worker = registry.reserve(ProcessName.worker("a", 1), 1);
    WorkerRow zygote = registry.reserve(ProcessName.zygote("a", 1), 2);
    rewrite(line -> line.replaceAll("\"role\":\"\\w+\",", ""));
    assertThat(onDisk().problems()).isEmpty();
    assertThat(onDisk().rows()).extracting(WorkerRow::worker).containsExactly("a-1", "a-zygote.1");
    assertThat(onDisk().rows()).extracting(WorkerRow::role).containsOnly(Role.WORKER);
    assertThat(onDisk().rows().getFirst()).isEqualTo(worker);
    assertThat(onDisk().rows().getLast().number()).isEqualTo(zygote.number());
  }

  @Test
  void refusesARowWithARoleThatThereIsNot() throws IOException {
    registry.reserve(ProcessName.worker("a", 1), 1);
    rewrite(line -> line.replace("\"worker\",", "\"queen\","));
    assertThat(onDisk().rows()).isEmpty();
    assertThat(onDisk().problems()).singleElement().asString().contains("queen");
  }

  /// Changes each line, and gives it the checksum that it then needs.
  private void rewrite(UnaryOperator<String> change) throws IOException {
    var lines = new ArrayList<String>();
    for (String line : Files.readAllLines(file)) {
      String body = change.apply(line.substring(0, line.lastIndexOf(",\"crc\"")));
      var crc = new CRC32C();
      crc.update(body.getBytes(UTF_8));
      lines.add("%s,\"crc\":\"%08x\"}".formatted(body, crc.getValue()));
    }
    Files.write(file, lines);
  }

  @Test
  void keepsMemoryRightWhereThePastCannotBeWritten() {
    registry.reserve(ProcessName.worker("a", 1), 1);
    registry.close();
    registry.activate(1, 4711, 99, 4711);
    assertThat(registry.activePythonPids()).containsExactly(4711L);
    assertThat(registry.release(1)).isTrue();
    assertThat(registry.listAllWorkers()).isEmpty();
  }

  @Test
  void isLookedUpWhileOthersWrite() throws Exception {
    try (var readers = Executors.newFixedThreadPool(3)) {
      var over = new AtomicBoolean();
      List<Future<?>> reading =
          Stream.<Runnable>generate(() -> () -> readUntil(over))
              .limit(3)
              .<Future<?>>map(readers::submit)
              .toList();
      for (int number = 1; number <= 500; number++) {
        registry.reserve(ProcessName.worker("a", number), number);
        registry.activate(number, 10_000 + number, 99, 10_000 + number);
        assertThat(registry.find("a-" + number).orElseThrow().number()).isEqualTo(number);
        assertThat(number <= 10 || registry.release(number - 10)).isTrue();
      }
      over.set(true);
      for (Future<?> reader : reading) {
        reader.get();
      }
      assertThat(registry.activePythonPids()).hasSize(10);
    }
  }

  private void readUntil(AtomicBoolean over) {
    do {
      for (WorkerRow row : registry.listAllWorkers()) {
        assertThat(row.worker()).isEqualTo(ProcessName.worker("a", row.number()).toString());
        assertThat(row.process().map(WorkerRow.Activation::pid).orElse(10_000 + row.number()))
            .isEqualTo(10_000 + row.number());
        registry
            .find(row.worker())
            .ifPresent(it -> assertThat(it.fingerprint()).isEqualTo(row.fingerprint()));
      }
      assertThat(registry.activePythonPids()).allMatch(pid -> pid > 10_000 && pid <= 10_500);
    } while (!over.get());
  }

  @Test
  void isNotStoppedByAPendingInterrupt() throws IOException {
    Thread.currentThread().interrupt();
    registry.reserve(ProcessName.worker("a", 1), 1);
    registry.reserve(ProcessName.worker("a", 2), 2);
    assertThat(Thread.interrupted()).isTrue();
    assertThat(onDisk().rows()).hasSize(2);
  }

  @Test
  void doesNotGrowForEver() throws IOException {
    WorkerRow keeper = registry.reserve(ProcessName.worker("a", 0), 0);
    LongStream.rangeClosed(1, 5_000).forEach(this::liveAndDie);
    assertThat(Files.size(file)).isLessThan(2 * ProcessRegistry.COMPACT_BYTES);
    assertThat(onDisk())
        .isEqualTo(
            new LedgerContents(Optional.of(run.manifest().identity()), List.of(keeper), List.of()));
    WorkerRow next = registry.reserve(ProcessName.worker("a", 9_999), 9_999);
    assertThat(onDisk().rows()).containsExactlyInAnyOrder(keeper, next);
  }

  private void liveAndDie(long number) {
    registry.reserve(ProcessName.worker("a", number), number);
    registry.activate(number, 100_000 + number, 99, 100_000 + number);
    registry.release(number);
  }

  private LedgerContents onDisk() throws IOException {
    return ProcessRegistry.read(run.path());
  }
}
