package dev.terrarium;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.process.ProcFs;
import dev.terrarium.testkit.Jvm;
import dev.terrarium.testkit.Procs;
import dev.terrarium.testkit.Procs.Proc;
import dev.terrarium.testkit.Signals;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Warden, zygote and JVM are killed or stopped, alone and together, while workers have children of
/// all kinds: what is left is what `docs/how-we-kill.md` says.
@Timeout(90)
final class GuardsTest {
  @TempDir Path home;
  @TempDir Path files;

  /// What happens to one of them.
  enum Fate {
    NOTHING {
      @Override
      void to(Proc guard) {}
    },
    KILLED {
      @Override
      void to(Proc guard) {
        Signals.kill(guard);
      }
    },
    STOPPED {
      @Override
      void to(Proc guard) {
        Endings.stop(guard);
      }
    };

    abstract void to(Proc guard);
  }

  /// All that there is below a host.
  ///
  /// @param detached a daemon, and a child with a session of its own
  private record House(
      long birthmark,
      Proc warden,
      Proc zygote,
      List<Proc> workers,
      Proc child,
      List<Proc> detached) {
    static House of(Jvm host, Path home) {
      Proc warden = Endings.warden(host.pid());
      long birthmark = Endings.birthmark(warden);
      Proc zygote = zygote(home);
      List<Proc> sleepers = having(birthmark, "sleep 1000");
      List<Proc> workers = new ArrayList<>(Procs.marked(birthmark));
      workers.removeIf(it -> it.is(warden) || it.is(zygote) || sleepers.stream().anyMatch(it::is));
      assertThat(workers).hasSize(2);
      List<Proc> detached = sleepers.stream().filter(it -> !isIn(workers, it)).toList();
      assertThat(detached).hasSize(2);
      Proc child = sleepers.stream().filter(it -> isIn(workers, it)).findFirst().orElseThrow();
      return new House(birthmark, warden, zygote, workers, child, detached);
    }

    private static Proc zygote(Path home) {
      return Endings.soon()
          .until(() -> Endings.zygotes(home), found -> found.size() == 1)
          .getFirst();
    }

    private static List<Proc> having(long birthmark, String inItsCommand) {
      return Procs.marked(birthmark).stream()
          .filter(it -> Procs.command(it.pid()).contains(inItsCommand))
          .toList();
    }

    private static boolean isIn(List<Proc> workers, Proc process) {
      long group = ProcFs.stat(process.pid()).orElseThrow().group();
      return workers.stream().anyMatch(worker -> worker.pid() == group);
    }

    List<Proc> all() {
      var all = new ArrayList<>(List.of(warden, zygote, child));
      all.addAll(workers);
      all.addAll(detached);
      return all;
    }
  }

  private Jvm host() {
    Jvm host =
        Jvm.start(Victim.class, home.toString(), files.toString(), "trouble.py", "2", "family");
    host.awaitLine("ready");
    return host;
  }

  @Test
  void aZygoteThatIsKilledTakesNobodyAlong() {
    try (Jvm host = host()) {
      House before = House.of(host, home);
      Signals.kill(before.zygote());
      Endings.soon().until(() -> !House.zygote(home).is(before.zygote()));
      List<Proc> others = new ArrayList<>(before.all());
      others.remove(before.zygote());
      Endings.soon()
          .during(Duration.ofMillis(500))
          .until(() -> others.stream().allMatch(Endings::lives));
      assertAnswersOf(host, before.workers(), true);
      host.kill();
      assertNothingLeft(before);
    }
  }

  @ParameterizedTest
  @CsvSource({"KILLED, NOTHING", "KILLED, KILLED", "KILLED, STOPPED"})
  void nothingIsLeftOfBeforeWhenTheWardenIsKilledAndTheHostGoesOn(Fate warden, Fate zygote) {
    try (Jvm host = host()) {
      House before = House.of(host, home);
      zygote.to(before.zygote());
      warden.to(before.warden());
      Endings.soon().until(() -> before.all().stream().noneMatch(Endings::lives));
      assertAnswersOf(host, before.workers(), false);
      host.kill();
      assertNothingLeft(before);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "NOTHING, KILLED",
    "NOTHING, STOPPED",
    "STOPPED, NOTHING",
    "STOPPED, KILLED",
    "STOPPED, STOPPED"
  })
  void nothingIsLeftWhenTheJvmIsKilledAndTheWardenIsNot(Fate warden, Fate zygote) {
    try (Jvm host = host()) {
      House before = House.of(host, home);
      warden.to(before.warden());
      zygote.to(before.zygote());
      host.kill();
      assertNothingLeft(before);
    }
    Endings.runtime(home).close(); // directories of dead runs wait for the next start
    assertThat(Endings.runs(home)).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({"NOTHING, NOTHING", "NOTHING, KILLED", "NOTHING, STOPPED", "STOPPED, STOPPED"})
  void onlyWhatLeftItsGroupIsLeftWhenWardenAndJvmAreKilledAtOnce(Fate warden, Fate zygote) {
    List<Proc> left;
    try (Jvm host = host()) {
      House before = House.of(host, home);
      Endings.stop(host); // so that none of the two sees the other die
      warden.to(before.warden());
      zygote.to(before.zygote());
      Signals.kill(before.warden());
      host.kill();
      host.awaitExit();
      Endings.soon().until(() -> Procs.marked(before.birthmark()).size() == 2);
      left = Procs.marked(before.birthmark());
      assertThat(left).allMatch(it -> before.detached().stream().anyMatch(it::is));
    }
    try (Terrarium next = Endings.runtime(home)) {
      assertThat(left).noneMatch(Endings::lives);
      assertThat(Endings.runs(home)).containsExactly(next.runId());
    }
  }

  @Test
  void nothingIsLeftWhenTheSecondWardenIsStoppedAndTheJvmIsKilled() {
    try (Jvm host = host()) {
      House before = House.of(host, home);
      Signals.kill(before.warden());
      assertAnswersOf(host, before.workers(), false);
      Proc second = Endings.warden(host.pid());
      assertThat(second.is(before.warden())).isFalse();
      Endings.stop(second);
      host.kill();
      assertNothingLeft(before);
    }
  }

  @Test
  void whatAnImportLeftBehindDiesWithItsZygoteAndWorkersDoNotNotice() {
    String daemon =
        """
        import os, subprocess
        from terrarium import tool
        DAEMON = subprocess.Popen(["sleep", "1000"], start_new_session=True).pid

        @tool
        def daemon():
            return DAEMON
        """;
    try (Terrarium runtime = Endings.runtime(home);
        Pool pool = Trouble.pool(files, daemon).runtime(runtime).size(2).start()) {
      Proc left = Endings.proc(requireNonNull(pool.tool("daemon").call(Long.class)));
      List<Long> workers = Endings.pids(pool);
      Signals.kill(House.zygote(home));
      Endings.soon().until(() -> !Endings.lives(left));
      assertThat(pool.tool("daemon").call(Long.class)).isEqualTo(left.pid());
      assertThat(Endings.pids(pool)).isEqualTo(workers);
      assertThat(pool.stats().restarts()).isZero();
    }
  }

  /// The host's calls go on, and are answered by those workers, or by others.
  private static void assertAnswersOf(Jvm host, List<Proc> workers, boolean same) {
    int before = host.lines().size();
    List<String> pids = workers.stream().map(worker -> Long.toString(worker.pid())).toList();
    Endings.soon()
        .atMost(Endings.PATIENCE.toSeconds(), TimeUnit.SECONDS)
        .until(
            () ->
                host.lines().stream()
                    .skip(before)
                    .map(line -> line.replaceFirst("answer \\d+ ", ""))
                    .anyMatch(pid -> pid.matches("\\d+") && pids.contains(pid) == same));
  }

  private static void assertNothingLeft(House before) {
    Endings.awaitNothingLeft(before.all(), before.birthmark(), System.nanoTime());
  }
}
