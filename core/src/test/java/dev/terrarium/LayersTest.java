package dev.terrarium;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.process.ProcFs;
import dev.terrarium.testkit.Jvm;
import dev.terrarium.testkit.Procs;
import dev.terrarium.testkit.Procs.Proc;
import dev.terrarium.testkit.Signals;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// Each layer of defence alone: it leaves nothing of what it is for. Without it, too, all of it
/// stays. `python/tests/test_layers.py` has those that live in the warden and in the kernel.
///
/// The worker is forked by a zygote, holds its interpreter's lock in C, so that it notices nothing
/// itself, and has a child in its group, one with its own session, and a daemon.
@Timeout(90)
final class LayersTest {
  private static final long SELF = ProcessHandle.current().pid();

  /// What ends a host's processes without its doing.
  private static final List<String> OTHERS = List.of("end", "lifeline", "line", "death-signal");

  /// What ends a worker's processes under a living host.
  private static final List<String> OF_A_WORKER =
      List.of("signals", "strays", "lifeline", "line", "death-signal");

  private static final Duration AS_GOOD_AS_NEVER = Duration.ofHours(1);

  @TempDir Path home;
  @TempDir Path files;

  /// A host with such a worker.
  static final class Host {
    public static void main(String[] arguments) throws InterruptedException {
      Path files = Path.of(arguments[1]);
      Terrarium runtime =
          Terrarium.start(
              Config.defaults()
                  .withHome(Path.of(arguments[0]))
                  .withAuditInterval(AS_GOOD_AS_NEVER));
      Pool pool = Endings.pool(runtime).size(1).grace(Duration.ofMillis(200)).start();
      var _ = pool.tool("family").call(List.class);
      String on = files.resolve("on").toString();
      var _ = pool.tool("hold_gil_in_libc").args(on).callAsync(Object.class);
      Endings.awaitFile(Path.of(on));
      if (arguments[2].equals("without hook")) {
        Layers.withoutShutdownHook(runtime);
      }
      System.out.println("ready");
      Endings.awaitFile(files.resolve("exit"));
      System.exit(0);
    }
  }

  private Jvm host(List<String> off, String hook) {
    Layers.switchOff(home, off);
    Jvm host =
        Jvm.start(
            Host.class, Map.of(), Layers.options(home), home.toString(), files.toString(), hook);
    host.awaitLine("ready");
    return host;
  }

  private Jvm host(List<String> off) {
    return host(off, "with hook");
  }

  /// The worker and its three children; those that have left its group come last.
  private List<Proc> family(Jvm host) {
    Proc warden = Endings.warden(host.pid());
    List<Proc> family = new ArrayList<>(Procs.marked(Endings.birthmark(warden)));
    List<Proc> zygotes = Endings.zygotes(home);
    family.removeIf(it -> it.is(warden) || zygotes.stream().anyMatch(it::is));
    assertThat(family).hasSize(4);
    long worker = family.getFirst().pid();
    return Stream.concat(
            family.stream().filter(it -> group(it) == worker),
            family.stream().filter(it -> group(it) != worker))
        .toList();
  }

  private static long group(Proc process) {
    return ProcFs.stat(process.pid()).orElseThrow().group();
  }

  private static void assertGone(List<Proc> processes) {
    Endings.soon().until(() -> processes.stream().noneMatch(Endings::lives));
  }

  private static void assertStay(List<Proc> processes) {
    assertThat(processes).isNotEmpty();
    Endings.soon()
        .during(Duration.ofMillis(500))
        .until(() -> processes.stream().allMatch(Endings::lives));
  }

  /// What stayed is ended by the next start, which is the last layer.
  private void sweepUp(List<Proc> stayed) {
    Endings.runtime(home).close();
    assertThat(stayed).noneMatch(Endings::lives);
  }

  // --- Layer 1: the end of a worker under a living host

  @Test
  void thePoliteEndAloneEndsAWorker() {
    Layers.switchOff(home, OF_A_WORKER);
    try (Terrarium runtime = impatient();
        Pool pool = Endings.pool(runtime).size(1).grace(Duration.ofMillis(50)).start()) {
      Proc worker = Endings.proc(Endings.pids(pool).getFirst());
      CompletableFuture<Void> closing = CompletableFuture.runAsync(pool::close);
      assertGone(List.of(worker));
      var _ = Endings.close(runtime);
      closing.join();
    }
  }

  @Test
  void withoutThePoliteEndTooAWorkerStays() {
    Layers.switchOff(home, Stream.concat(OF_A_WORKER.stream(), Stream.of("drain")).toList());
    try (Terrarium runtime = impatient();
        Pool pool = Endings.pool(runtime).size(1).grace(Duration.ofMillis(50)).start()) {
      Proc worker = Endings.proc(Endings.pids(pool).getFirst());
      CompletableFuture<Void> closing = CompletableFuture.runAsync(pool::close);
      assertStay(List.of(worker));
      var _ = Endings.close(runtime); // whose own sweep is no switch of the warden's
      closing.join();
      assertThat(Endings.lives(worker)).isFalse();
    }
  }

  /// Whose warden signals nobody: what a pool waits for before it is closed does not come.
  private Terrarium impatient() {
    Config config = Config.defaults().withHome(home);
    return Terrarium.start(config.withCloseTimeout(Duration.ofMillis(500)));
  }

  // --- Layer 2: the last clean-up

  @Test
  void theShutdownHookAloneEndsAllWhenTheJvmExits() throws IOException {
    try (Jvm host = host(OTHERS)) {
      List<Proc> family = family(host);
      Files.createFile(files.resolve("exit"));
      assertThat(host.awaitExit()).isZero();
      assertThat(family).noneMatch(Endings::lives);
      assertThat(Endings.runs(home)).isEmpty();
    }
  }

  @Test
  void withoutTheShutdownHookTooAllStays() throws IOException {
    try (Jvm host = host(OTHERS, "without hook")) {
      List<Proc> family = family(host);
      Files.createFile(files.resolve("exit"));
      assertThat(host.awaitExit()).isZero();
      assertStay(family);
      sweepUp(family);
    }
  }

  // --- Layers 3 and 4: warden and kernel, when the JVM is gone

  @Test
  void theWardenAloneEndsAllWhenTheJvmIsKilled() {
    try (Jvm host = host(Layers.allBut(OTHERS, "end"))) {
      List<Proc> family = family(host);
      host.kill();
      assertGone(family);
    }
    sweepUp(List.of());
  }

  @Test
  void theLifelineAloneEndsTheWorkersGroupWhenTheJvmIsKilled() {
    try (Jvm host = host(Layers.allBut(OTHERS, "lifeline"))) {
      List<Proc> family = family(host);
      host.kill();
      assertGone(family.subList(0, 2));
      assertStay(family.subList(2, 4));
      sweepUp(family);
    }
  }

  @Test
  void withoutWardenAndLifelineTooAllStays() {
    List<Proc> family = survivors();
    assertStay(family);
    sweepUp(family);
  }

  /// The family of a host that was killed with all layers off.
  private List<Proc> survivors() {
    try (Jvm host = host(OTHERS)) {
      List<Proc> family = family(host);
      host.kill();
      host.awaitExit();
      return family;
    }
  }

  // --- Layer 5: the JVM, when the warden is gone

  @Test
  void theJvmsSweepAloneEndsAllWhenTheWardenIsKilled() throws IOException {
    try (Jvm host = host(OTHERS)) {
      List<Proc> family = family(host);
      killWardenUnderStoppedJvm(host);
      assertStay(family);
      host.resume();
      assertGone(family);
      assertThat(audit()).filteredOn(line -> line.contains("the warden died")).hasSize(4);
    }
    sweepUp(List.of());
  }

  @Test
  void withoutTheJvmsSweepTooAllStays() {
    try (Jvm host = host(OTHERS)) {
      List<Proc> family = family(host);
      killWardenUnderStoppedJvm(host);
      host.kill();
      host.awaitExit();
      assertStay(family);
      sweepUp(family);
    }
  }

  private static void killWardenUnderStoppedJvm(Jvm host) {
    Proc warden = Endings.warden(host.pid());
    Endings.stop(host);
    Signals.kill(warden);
    Endings.soon().until(() -> !Endings.lives(warden));
  }

  private List<String> audit() throws IOException {
    return Files.readAllLines(
        home.resolve("runs").resolve(Endings.runs(home).getFirst()).resolve("audit.jsonl"));
  }

  // --- Layer 6: the next start

  @Test
  void theNextStartAloneEndsAllThatWasLeft() {
    List<Proc> family = survivors();
    try (Terrarium next = Endings.runtime(home)) {
      assertThat(family).noneMatch(Endings::lives);
      assertThat(Endings.runs(home)).containsExactly(next.runId());
    }
  }

  @Test
  void withoutTheCleanUpOfTheNextStartTooAllStays() {
    List<Proc> family = survivors();
    Config config = Config.defaults().withHome(home);
    try (Terrarium _ = Terrarium.start(config.withCleanup(config.cleanup().reportOnly()))) {
      assertStay(family);
    }
    sweepUp(family);
  }

  // --- Layer 7: the auditor, where the warden has overlooked something

  @Test
  void theAuditorAloneEndsWhatADeadWorkerLeft() {
    try (Terrarium runtime = withOverlookedStrays(Duration.ofMillis(50))) {
      assertGone(strays(runtime));
    }
  }

  @Test
  void withoutTheAuditorTooItStays() {
    try (Terrarium runtime = withOverlookedStrays(AS_GOOD_AS_NEVER)) {
      assertStay(strays(runtime));
    }
  }

  private Terrarium withOverlookedStrays(Duration auditInterval) {
    Layers.switchOff(home, Layers.allBut(OF_A_WORKER, "signals"));
    return Terrarium.start(Config.defaults().withHome(home).withAuditInterval(auditInterval));
  }

  /// A daemon and a child with its own session, whose worker was killed.
  private static List<Proc> strays(Terrarium runtime) {
    Pool pool = Endings.pool(runtime).size(1).start();
    List<?> pids = requireNonNull(pool.tool("family").call(List.class));
    List<Proc> left =
        pids.stream().skip(1).map(pid -> Endings.proc(((Number) pid).longValue())).toList();
    assertThat(Endings.warden(SELF)).isNotNull();
    Signals.kill(Endings.proc(Endings.pids(pool).getFirst()));
    Endings.soon().until(() -> pool.stats().restarts() == 1 && pool.stats().idle() == 1);
    return left;
  }
}
