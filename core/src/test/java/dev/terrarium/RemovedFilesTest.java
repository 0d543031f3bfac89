package dev.terrarium;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.terrarium.StartFailedException.Reason;
import dev.terrarium.process.Birthmark;
import dev.terrarium.registry.RunDirectory;
import dev.terrarium.registry.RunManifest;
import dev.terrarium.testkit.Procs;
import dev.terrarium.testkit.Procs.Proc;
import dev.terrarium.testkit.Signals;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/// What becomes of a runtime when somebody, a cleaner of old files most likely, removes what it has
/// on disk: calls go on, workers and wardens are replaced, and it is said.
@Timeout(120)
final class RemovedFilesTest {
  private static final Duration OFTEN = Duration.ofMillis(50);
  private static final Duration AS_GOOD_AS_NEVER = Duration.ofHours(1);

  @TempDir Path home;

  private Terrarium runtime(Duration auditInterval) {
    return Terrarium.start(Config.defaults().withHome(home).withAuditInterval(auditInterval));
  }

  private static Pool pool(Terrarium runtime, Start start) {
    return Endings.pool(runtime).size(2).start(start).start();
  }

  private RunManifest manifest(Terrarium runtime) throws IOException {
    return RunDirectory.read(home.resolve("runs").resolve(runtime.runId()));
  }

  private static void remove(Path path) throws IOException {
    try (Stream<Path> all = Files.walk(path)) {
      for (Path each : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(each);
      }
    }
  }

  private static void replaceWorkers(Pool pool) {
    List<Long> before = Endings.pids(pool);
    before.forEach(Trouble::kill);
    Endings.soon()
        .until(
            () ->
                pool.stats().idle() == pool.config().size()
                    && before.stream().noneMatch(Endings.pids(pool)::contains));
    Trouble.awaitWhole(pool);
  }

  private static void replaceWarden(Pool pool) {
    Proc warden = Endings.warden(ProcessHandle.current().pid());
    long mark = Endings.birthmark(warden);
    Signals.kill(warden);
    Endings.soon()
        .until(() -> Procs.marked(mark).stream().noneMatch(warden::is) && pool.stats().idle() == 2);
    Trouble.awaitWhole(pool);
  }

  /// With the directory of sockets gone, no worker could dial any more: the pool shrank with each
  /// that died, for ever, and nothing was logged.
  @ParameterizedTest
  @EnumSource(Start.class)
  void workersAreReplacedWithoutTheSockets(Start start) throws IOException {
    try (LogLines log = LogLines.of(RuntimeFiles.class.getName());
        Terrarium runtime = runtime(AS_GOOD_AS_NEVER);
        Pool pool = pool(runtime, start)) {
      Path sockets = manifest(runtime).sockets();
      remove(sockets);
      replaceWorkers(pool);
      Endings.soon().until(() -> log.containing("sockets were removed").size() == 1);
      assertThat(log.containing("sockets were removed"))
          .singleElement()
          .asString()
          .contains("WARN", sockets.toString(), "bound again");
    }
  }

  @Test
  void aWardenIsReplacedWithoutTheSockets() throws IOException {
    try (Terrarium runtime = runtime(AS_GOOD_AS_NEVER);
        Pool pool = pool(runtime, Start.ZYGOTE)) {
      remove(manifest(runtime).sockets());
      replaceWarden(pool);
    }
  }

  /// Nobody has to die for it to be noticed: who asks by the control socket finds it again.
  @Test
  void theSocketsAreLookedForFromTimeToTime() throws IOException {
    try (Terrarium runtime = runtime(OFTEN);
        Pool pool = pool(runtime, Start.ZYGOTE)) {
      Path sockets = manifest(runtime).sockets();
      remove(sockets);
      Endings.awaitFile(sockets);
      Endings.soon().until(() -> Endings.names(sockets).equals(List.of("c", "l", "s")));
      Trouble.awaitWhole(pool);
    }
  }

  private static String name(Path path) {
    return path.getFileName().toString();
  }

  /// Where they cannot be bound again, that is said with their path, once; workers are started
  /// again as soon as it is mended, and until then each that is not says why.
  @Test
  void itIsSaidThatTheSocketsCannotBeBoundAgain() throws IOException {
    try (LogLines log = LogLines.of("dev.terrarium");
        Terrarium runtime = runtime(AS_GOOD_AS_NEVER);
        Pool pool = pool(runtime, Start.ZYGOTE)) {
      Path sockets = manifest(runtime).sockets();
      remove(sockets);
      Files.createFile(sockets);
      Endings.pids(pool).forEach(Trouble::kill);
      Endings.soon().until(() -> log.containing("did not start: lifeline: ").size() >= 4);
      assertThat(log.containing("cannot be made again"))
          .singleElement()
          .asString()
          .contains("ERROR", sockets.toString(), "something else is there", "XDG_RUNTIME_DIR");
      Files.delete(sockets);
      Trouble.awaitWhole(pool);
    }
  }

  /// All of the state directory went from under a living runtime. A warden that was to follow
  /// another could then not be started, and the runtime was of no use any more.
  @Test
  void aWardenIsReplacedWithoutTheStateDirectory() throws IOException {
    try (LogLines log = LogLines.of(RuntimeFiles.class.getName());
        Terrarium runtime = runtime(AS_GOOD_AS_NEVER);
        Pool pool = pool(runtime, Start.ZYGOTE)) {
      RunManifest before = manifest(runtime);
      remove(home.resolve("runs"));
      remove(home.resolve("python"));
      Trouble.awaitWhole(pool);
      replaceWarden(pool);
      assertThat(manifest(runtime)).isEqualTo(before);
      assertThat(RunDirectory.isLocked(home.resolve("runs").resolve(runtime.runId()))).isTrue();
      Endings.soon().until(() -> log.containing("the whole directory").size() == 1);
    }
    assertThat(Endings.runs(home)).isEmpty();
  }

  @Test
  void workersAreReplacedWithoutThePythonFiles() throws IOException {
    try (Terrarium runtime = runtime(AS_GOOD_AS_NEVER);
        Pool pool = pool(runtime, Start.EXEC)) {
      remove(home.resolve("python"));
      replaceWorkers(pool);
    }
  }

  /// Whatever is missing of a living run's directory, nobody who cleans up takes the run for dead,
  /// and what is missing comes back.
  @ParameterizedTest
  @ValueSource(strings = {"lock", "run.json", "ledger.jsonl", "logs", "."})
  void nobodyTouchesALivingRunOfWhichSomethingIsMissing(String name) throws IOException {
    try (Terrarium runtime = runtime(AS_GOOD_AS_NEVER);
        Pool pool = pool(runtime, Start.ZYGOTE)) {
      Path directory = home.resolve("runs").resolve(runtime.runId());
      List<Long> workers = Endings.pids(pool);
      remove(directory.resolve(name).normalize());
      Terrarium.start(Config.defaults().withHome(home)).close(); // which cleans up
      assertThat(Endings.pids(pool)).isEqualTo(workers);
      Trouble.awaitWhole(pool);
    }
    assertThat(Endings.runs(home)).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"lock", "run.json", "ledger.jsonl", "logs", "."})
  void whatIsMissingOfALivingRunComesBack(String name) throws IOException {
    try (Terrarium runtime = runtime(OFTEN);
        Pool pool = pool(runtime, Start.ZYGOTE)) {
      Path directory = home.resolve("runs").resolve(runtime.runId());
      Path missing = directory.resolve(name).normalize();
      remove(missing);
      Endings.soon().until(() -> Files.exists(missing));
      Endings.soon().until(() -> Endings.names(directory).contains("ledger.jsonl"));
      assertThat(RunDirectory.isLocked(directory)).isTrue();
      assertThat(runtime.orphanDetector().findOrphanedProcesses()).isEmpty();
      Trouble.awaitWhole(pool);
    }
    assertThat(Endings.runs(home)).isEmpty();
  }

  /// One file under `STATE/python/HASH` was missing or short, and every start from then on failed.
  @ParameterizedTest
  @ValueSource(
      strings = {
        "terrarium/_warden.py",
        "terrarium/_worker.py",
        "terrarium/_zygote.py",
        "terrarium_worker.py"
      })
  void aStartMendsThePythonFiles(String name) throws IOException {
    startOnce();
    Path file = python().resolve(name);
    for (boolean missing : new boolean[] {true, false}) {
      if (missing) {
        Files.delete(file);
      } else {
        Files.write(file, new byte[0]);
      }
      startOnce();
    }
  }

  /// Byte code that was cut short is found out by the interpreter alone, which dies of it.
  @ParameterizedTest
  @ValueSource(strings = {"_warden.", "_worker.", "_zygote.", "_bootstrap."})
  void aStartThrowsDamagedByteCodeAway(String name) throws IOException {
    startOnce();
    List<Path> damaged;
    try (Stream<Path> all = Files.walk(python())) {
      damaged = all.filter(it -> name(it).startsWith(name) && name(it).endsWith(".pyc")).toList();
    }
    assertThat(damaged).isNotEmpty();
    for (Path each : damaged) {
      byte[] content = Files.readAllBytes(each);
      Files.write(each, java.util.Arrays.copyOf(content, 40));
    }
    startOnce();
  }

  private void startOnce() {
    try (Terrarium runtime = runtime(AS_GOOD_AS_NEVER);
        Pool pool = pool(runtime, Start.ZYGOTE)) {
      Trouble.awaitWhole(pool);
    }
  }

  private Path python() {
    return home.resolve("python").resolve(Endings.names(home.resolve("python")).getFirst());
  }

  @Test
  void aStartRefusesAPythonFolderThatOthersMayWriteTo() throws IOException {
    startOnce();
    Files.setPosixFilePermissions(
        home.resolve("python"), PosixFilePermissions.fromString("rwxrwxrwx"));
    assertThatThrownBy(() -> runtime(AS_GOOD_AS_NEVER))
        .isInstanceOfSatisfying(
            StartFailedException.class,
            failure -> assertThat(failure.reason()).isEqualTo(Reason.DIRECTORY))
        .hasMessageContainingAll(home.resolve("python").toString(), "0777", "chmod 700");
  }

  @Test
  void bearersOfARunWhoseDirectoryIsMissingAreNobodysOrphans() throws IOException {
    try (Terrarium runtime = runtime(AS_GOOD_AS_NEVER);
        Pool pool = pool(runtime, Start.ZYGOTE)) {
      Birthmark mark =
          new Birthmark(Birthmark.of(Endings.pids(pool).getFirst()).orElseThrow().run());
      remove(home.resolve("runs").resolve(runtime.runId()));
      try (Terrarium other = Terrarium.start(Config.defaults().withHome(home))) {
        assertThat(other.orphanDetector().findOrphanedProcesses()).isEmpty();
      }
      assertThat(mark.bearers()).isNotEmpty();
      Trouble.awaitWhole(pool);
    }
  }
}
