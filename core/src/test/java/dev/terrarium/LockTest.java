package dev.terrarium;

import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.orphan.OrphanDetector;
import dev.terrarium.process.Birthmark;
import dev.terrarium.process.ProcessKiller;
import dev.terrarium.process.RunId;
import dev.terrarium.registry.ProcessRegistry;
import dev.terrarium.registry.RunDirectory;
import dev.terrarium.registry.StateDirectory;
import dev.terrarium.testkit.Jvm;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// Whatever a runtime looks at, its run's lock stays held for everybody else.
@Timeout(90)
final class LockTest {
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  @TempDir Path home;

  /// Another process that tries to get the lock of a run, all the time.
  static final class Asker {
    public static void main(String[] arguments) throws IOException {
      Path run = Path.of(arguments[0]);
      for (int i = 1; RunDirectory.tryLockDead(run).isEmpty(); i++) {
        System.out.println(RunDirectory.isLocked(run) ? "asked " + i : "free");
        LockSupport.parkNanos(2_000_000);
      }
      System.out.println("free");
    }
  }

  /// What its owner may do with a run.
  @FunctionalInterface
  private interface Look {
    void look() throws IOException;
  }

  @Test
  void isHeldWhateverItsOwnerLooksAt() throws IOException {
    try (Terrarium runtime = Endings.runtime(home);
        Pool pool = Endings.pool(runtime).size(1).start()) {
      Path run = home.resolve("runs").resolve(runtime.runId());
      try (Jvm asker = Jvm.start(Asker.class, run.toString())) {
        assertHeld("nothing", asker);
        for (Map.Entry<String, Look> look : looks(runtime, pool, run).entrySet()) {
          look.getValue().look();
          assertHeld(look.getKey(), asker);
        }
      }
    }
  }

  private Map<String, Look> looks(Terrarium runtime, Pool pool, Path run) {
    OrphanDetector own = runtime.orphanDetector();
    OrphanDetector another = // which does not know that the run is this JVM's
        new OrphanDetector(
            StateDirectory.at(home), new ProcessKiller(_ -> {}), CleanupPolicy.defaults());
    return Map.ofEntries(
        Map.entry("find", own::findOrphanedProcesses),
        Map.entry("suspects", own::findSuspects),
        Map.entry("status", own::systemStatus),
        Map.entry("validate", own::validateDetection),
        Map.entry("clean up", own::cleanupOrphanedProcesses),
        Map.entry("find from outside", another::findOrphanedProcesses),
        Map.entry("status from outside", another::systemStatus),
        Map.entry("validate from outside", another::validateDetection),
        Map.entry("clean up from outside", another::cleanupOrphanedProcesses),
        Map.entry("workers", runtime::listAllWorkers),
        Map.entry("stats", pool::stats),
        Map.entry("ledger", () -> ProcessRegistry.read(run)),
        Map.entry("details", () -> RunDirectory.read(run)),
        Map.entry("is it locked", () -> assertThat(RunDirectory.isLocked(run)).isTrue()),
        Map.entry("is it dead", () -> assertThat(RunDirectory.tryLockDead(run)).isEmpty()),
        Map.entry("a neighbour in this JVM", () -> Endings.runtime(home).close()),
        Map.entry("all files", () -> readAll(run)),
        Map.entry("a lock of Java's", () -> lockAsJavaDoes(run.resolve("lock"))));
  }

  private static void readAll(Path run) throws IOException {
    try (Stream<Path> files = Files.walk(run).filter(Files::isRegularFile)) {
      for (Path file : files.toList()) {
        Files.readAllBytes(file);
      }
    }
  }

  private static void lockAsJavaDoes(Path file) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.lock().release();
    }
  }

  private static void assertHeld(String after, Jvm asker) {
    long before = asker.lines().size();
    asker.awaitLine(line -> line.equals("asked " + (before + 2)), PATIENCE);
    assertThat(asker.lines()).as(after).doesNotContain("free");
  }

  @Test
  void isFoundFreeByOthersWhereItIs() {
    RunDirectory run =
        RunDirectory.create(
            StateDirectory.at(home),
            RunId.generate(),
            Birthmark.choose(),
            home.resolve("terrarium-x"));
    try (Jvm asker = Jvm.start(Asker.class, run.path().toString())) {
      assertHeld("nothing", asker);
      run.close();
      asker.awaitLine("free");
    }
  }
}
