package dev.terrarium;

import static dev.terrarium.Trouble.failure;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.terrarium.StartFailedException.Reason;
import dev.terrarium.event.TerrariumEvent.DriftFound;
import dev.terrarium.orphan.SystemStatus;
import dev.terrarium.testkit.Child;
import dev.terrarium.testkit.Jvm;
import dev.terrarium.testkit.Procs;
import dev.terrarium.testkit.Procs.Proc;
import dev.terrarium.testkit.Signals;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.assertj.core.api.Assumptions;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// A pool whose processes live in a PID namespace does all that others do.
@Timeout(90)
@SuppressWarnings("try") // closed by hand to see what is left
final class PidNamespaceTest {
  private static final long SELF = ProcessHandle.current().pid();
  private static final String POOL = "trouble";

  @TempDir private Path home;
  @TempDir private Path files;

  @BeforeEach
  void needsNamespaces() {
    Enclosed.assumeOffered();
  }

  private Terrarium runtime() {
    return Endings.runtime(home);
  }

  @Test
  void itsCallsBatchesAndAsyncToolsWorkAsEver() {
    try (Terrarium runtime = runtime();
        Pool pool = Enclosed.pool(runtime).size(3).concurrency(2).start()) {
      assertThat(pool.call("echo", Map.of("value", "hello"), String.class)).isEqualTo("hello");
      Stream<@Nullable Integer> results =
          pool.tool("echo")
              .map(IntStream.range(0, 200).boxed(), i -> Map.of("value", i), Integer.class);
      assertThat(results).containsExactlyElementsOf(IntStream.range(0, 200).boxed().toList());
      var later = pool.tool("echo_later_async").args("later", 0.01).callAsync(String.class);
      assertThat(later.join()).isEqualTo("later");
      byte[] large = new byte[3 << 20];
      new Random(1).nextBytes(large);
      byte[] back = requireNonNull(pool.tool("echo").args(large).call(byte[].class));
      assertThat(Arrays.equals(back, large)).isTrue();
      assertThat(pool.stats().restarts()).isZero();
    }
  }

  @Test
  void itsWorkersMayBeStartedByExec() {
    try (Terrarium runtime = runtime();
        Pool pool = Enclosed.pool(runtime).size(2).start(Start.EXEC).start()) {
      assertThat(pool.call("echo", Map.of("value", 1), Integer.class)).isEqualTo(1);
    }
  }

  @Test
  void deadlinesAndCancelsReachItsWorkers() {
    try (Terrarium runtime = runtime();
        Pool pool = Enclosed.pool(runtime).size(1).start()) {
      long worker = Trouble.pid(pool);
      var endless = pool.tool("loop").deadline(Duration.ofMillis(200));
      assertThatThrownBy(() -> endless.call(Object.class))
          .isInstanceOf(DeadlineExceededException.class)
          .hasMessageContaining("in loop");
      Path started = files.resolve("started");
      CompletableFuture<@Nullable Object> loop =
          pool.tool("loop").args(started.toString()).callAsync(Object.class);
      Endings.awaitFile(started);
      loop.cancel(true);
      assertThatThrownBy(loop::join).isInstanceOf(CancellationException.class);
      Trouble.awaitWhole(pool);
      assertThat(Trouble.pid(pool)).isEqualTo(worker);
    }
  }

  @Test
  void aWorkerThatDoesNotHearACancelIsReplaced() {
    try (Terrarium runtime = runtime();
        Pool pool = Enclosed.pool(runtime).size(1).cancelGrace(Duration.ofMillis(100)).start()) {
      var deaf = pool.tool("hold_gil").deadline(Duration.ofMillis(200));
      assertThatThrownBy(() -> deaf.call(Object.class))
          .isInstanceOf(DeadlineExceededException.class)
          .hasMessageContaining("in hold_gil"); // by signal, from the warden
      Endings.soon().until(() -> pool.stats().restarts() == 1);
      Trouble.awaitWhole(pool);
    }
  }

  @Test
  void itsNumbersAreThoseOfTheOutside() throws IOException {
    try (Terrarium runtime = runtime();
        Pool pool = Enclosed.pool(runtime).size(2).start()) {
      long inside = requireNonNull(pool.call("pid", Map.of(), Long.class));
      List<Long> pids = Endings.pids(pool);
      assertThat(pids).doesNotContain(inside).allMatch(Procs::alive);
      assertThat(runtime.listAllWorkers())
          .filteredOn(row -> !row.isZygote())
          .extracting(row -> row.process().orElseThrow().pid())
          .containsExactlyInAnyOrderElementsOf(pids);
      assertThat(runtime.listAllWorkers()).allMatch(row -> row.identity().orElseThrow().alive());
      for (long pid : pids) {
        assertThat(Procs.command(pid)).contains("--worker trouble-");
        assertThat(namespace(pid)).isNotEqualTo(namespace(SELF));
      }
      assertThat(pool.stats().processes()).isEqualTo(2);
      assertThat(pool.stats().workers()).allMatch(worker -> worker.residentBytes() > 1 << 20);
      SystemStatus status = runtime.orphanDetector().systemStatus();
      assertThat(status.health()).isEqualTo(SystemStatus.Health.HEALTHY);
      assertThat(status.registry().activePids()).containsExactlyInAnyOrderElementsOf(pids);
      assertThat(status.totalWorkerProcesses()).as("no wardens, no holder").isEqualTo(2);
      assertThat(runtime.orphanDetector().validateDetection().verdicts())
          .allMatch(verdict -> verdict.proved());
    }
  }

  private static String namespace(long pid) throws IOException {
    return Files.readSymbolicLink(Path.of("/proc/" + pid + "/ns/pid")).toString();
  }

  @Test
  void whatADeadWorkerLeftIsSweptAndItsNeighboursIsNot() {
    try (Terrarium runtime = runtime();
        Pool pool = Enclosed.pool(runtime).size(2).start()) {
      long mark = Endings.birthmark(Enclosed.warden(SELF));
      var go = files.resolve("go");
      var call = pool.tool("family_and_wait").args(go.toString());
      var one = call.callAsync(Object.class);
      var two = call.callAsync(Object.class);
      Endings.soon().until(() -> Procs.marked(mark).size() == 12);
      Trouble.write(go, "");
      one.join();
      two.join();
      Trouble.kill(Endings.pids(pool).getFirst());
      // Two wardens, a holder, a zygote; two workers again, and what the survivor has started.
      Endings.soon().until(() -> pool.stats().idle() == 2 && Procs.marked(mark).size() == 9);
      assertThat(pool.stats().restarts()).isEqualTo(1);
    }
  }

  @Test
  void aForkChainEndsWithItsWorker() {
    try (Terrarium runtime = runtime();
        Pool pool = Enclosed.pool(runtime).size(1).start()) {
      long mark = Endings.birthmark(Enclosed.warden(SELF));
      var _ = pool.tool("chain").call(Object.class);
      Trouble.kill(Trouble.pid(pool));
      Endings.soon().until(() -> pool.stats().idle() == 1 && Procs.marked(mark).size() == 5);
    }
  }

  @Test
  void closeLeavesNothing() {
    try (Terrarium runtime = runtime()) {
      Pool pool = Enclosed.pool(runtime).size(2).start();
      Proc holder = Enclosed.holder(SELF, POOL);
      var _ = pool.tool("family").call(Object.class);
      pool.close();
      assertThat(Endings.lives(holder)).isFalse();
      assertThat(Procs.marked(Endings.birthmark(Enclosed.warden(SELF)))).hasSize(1);
      assertThat(runtime.listAllWorkers()).isEmpty();
      Enclosed.pool(runtime).size(1).start().close(); // the same name, and another namespace
      assertThat(Endings.close(runtime)).isEqualTo(new Terrarium.CloseReport(0, 0));
    }
    assertThat(Endings.runs(home)).isEmpty();
  }

  @Test
  void theEndOfTheRuntimeIsItsEnd() {
    Terrarium runtime = runtime();
    Enclosed.pool(runtime).size(2).start().tool("family").call(Object.class);
    long mark = Endings.birthmark(Enclosed.warden(SELF));
    assertThat(Endings.close(runtime)).isEqualTo(new Terrarium.CloseReport(0, 0));
    assertThat(Procs.marked(mark)).isEmpty();
    assertThat(Endings.runs(home)).isEmpty();
  }

  @Test
  void closeIsBoundedWhereItsWardenStandsStill() {
    Terrarium runtime = runtime();
    Enclosed.pool(runtime).size(2).start().tool("family").call(Object.class);
    long mark = Endings.birthmark(Enclosed.warden(SELF));
    Proc first = Enclosed.first(Enclosed.holder(SELF, POOL));
    Signals.pause(first);
    runtime.close();
    assertThat(Procs.marked(mark)).isEmpty();
    assertThat(runtime.closeReport().orElseThrow().left()).isZero();
  }

  @Test
  void thePoolHealsWhenItsHolderOrItsWardenIsKilled() {
    try (Terrarium runtime = runtime();
        Pool pool = Enclosed.pool(runtime).size(2).start()) {
      for (boolean inside : List.of(true, false)) {
        Proc holder = Enclosed.holder(SELF, POOL);
        Proc first = Enclosed.first(holder);
        var _ = pool.tool("family").call(Object.class);
        var loop = loop(pool, "loop-" + inside);
        List<Long> workers = Endings.pids(pool);
        Signals.kill(inside ? first : holder);
        assertThat(failure(WorkerDiedException.class, loop))
            .hasMessageContaining("it died with its warden");
        Trouble.awaitWhole(pool);
        assertThat(Endings.pids(pool)).doesNotContainAnyElementsOf(workers);
        assertThat(Endings.lives(holder) || Endings.lives(first)).isFalse();
      }
      // The last family is gone with its namespace, too.
      assertThat(Procs.marked(Endings.birthmark(Enclosed.warden(SELF)))).hasSize(6);
      assertThat(Endings.close(runtime)).isEqualTo(new Terrarium.CloseReport(0, 0));
    }
  }

  private CompletableFuture<@Nullable Object> loop(Pool pool, String name) {
    Path started = files.resolve(name);
    var loop = pool.tool("loop").args(started.toString()).callAsync(Object.class);
    Endings.awaitFile(started);
    return loop;
  }

  @Test
  void eachOfThreePoolsHasItsOwnFate() {
    try (Terrarium runtime = runtime();
        Pool open = Endings.pool(runtime).name("open").size(1).start();
        Pool one = Enclosed.pool(runtime).name("one").size(1).start();
        Pool two = Enclosed.pool(runtime).name("two").size(1).start()) {
      List<Pool> all = List.of(open, one, two);
      all.forEach(pool -> pool.tool("family").call(Object.class));
      assertThat(namesOf(all)).containsExactly("echo", "echo", "echo");
      assertOnlyRestarts(all, open, Enclosed.warden(SELF));
      assertOnlyRestarts(all, one, Enclosed.holder(SELF, "one"));
      assertOnlyRestarts(all, two, Enclosed.first(Enclosed.holder(SELF, "two")));
      one.close();
      assertThat(two.call("echo", Map.of("value", 2), Integer.class)).isEqualTo(2);
      assertThat(open.call("echo", Map.of("value", 3), Integer.class)).isEqualTo(3);
    }
  }

  private static List<String> namesOf(List<Pool> pools) {
    return pools.stream().map(pool -> pool.tools().getFirst().name()).toList();
  }

  private static void assertOnlyRestarts(List<Pool> all, Pool pool, Proc killed) {
    List<Pool> others = all.stream().filter(other -> other != pool).toList();
    List<List<Long>> before = others.stream().map(Endings::pids).toList();
    List<Long> dying = Endings.pids(pool);
    Signals.kill(killed);
    Endings.soon().until(() -> dying.stream().noneMatch(Procs::alive));
    Trouble.awaitWhole(pool);
    assertThat(others.stream().map(Endings::pids).toList()).isEqualTo(before);
    others.forEach(Trouble::awaitWhole);
  }

  @Test
  void theAuditorFindsNothingStrange() {
    var drift = new CopyOnWriteArrayList<DriftFound>();
    Config often = Config.defaults().withHome(home).withAuditInterval(Duration.ofMillis(20));
    try (Terrarium runtime = Terrarium.start(often);
        Pool pool = Enclosed.pool(runtime).size(2).start()) {
      runtime.onEvent(DriftFound.class, drift::add);
      var _ = pool.tool("family").call(Object.class);
      List<Long> pids = Endings.pids(pool);
      Endings.soon().during(Duration.ofMillis(500)).until(drift::isEmpty);
      assertThat(Endings.pids(pool)).isEqualTo(pids);
    }
    assertThat(drift).isEmpty();
  }

  // --- Where it is not to be had ---

  /// Starts a pool that asks for it, and says what came of that.
  static final class Asking {
    private Asking() {}

    public static void main(String[] arguments) {
      try (Terrarium runtime = Endings.runtime(Path.of(arguments[0]))) {
        String said = "started";
        try (Pool pool = Enclosed.pool(runtime).size(1).start()) {
          said += " " + pool.name();
        } catch (StartFailedException e) {
          said = e.reason() + " " + e.getMessage();
        }
        System.out.println(said);
        try (Pool pool = Endings.pool(runtime).size(1).start()) { // others can do without
          System.out.println("without: " + pool.call("echo", Map.of("value", 1), Integer.class));
        }
      }
    }
  }

  @Test
  void whatIsNotToBeHadIsAnErrorWithItsRemedyAndHarmsNoOther() {
    List<String> launcher =
        List.of(
            "unshare",
            "--user",
            "--map-root-user",
            "sh",
            "-c",
            "echo 0 > /proc/sys/user/max_pid_namespaces && exec \"$@\"",
            "sh");
    try (Child child = Child.start(Stream.concat(launcher.stream(), Stream.of("true")).toList())) {
      Assumptions.assumeThat(child.awaitExit()).as("no user namespaces to try it in").isZero();
    }
    try (Jvm jvm = Jvm.behind(launcher, Asking.class, Map.of(), home.toString())) {
      assertThat(jvm.awaitLine(Reason.CONTAINMENT + " "))
          .startsWith("Pool 'trouble': isolation(PID_NAMESPACE) is not to be had on this machine")
          .contains("No space left on device", "raise user.max_user_namespaces");
      assertThat(jvm.awaitLine("without: ")).isEqualTo("1");
      assertThat(jvm.awaitExit()).isZero();
    }
  }
}
