package dev.terrarium;

import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.testkit.Child;
import dev.terrarium.testkit.Escape;
import dev.terrarium.testkit.Jvm;
import dev.terrarium.testkit.Procs.Proc;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// What got away because JVM and warden were killed together is swept by the next runtime of the
/// same home.
@Timeout(90)
final class NextStartTest {
  private static final long ANOTHER_RUN = (1L << 60) + 4_711;

  @TempDir Path home;
  @TempDir Path files;

  @Test
  void theNextStartSweepsWhatGotAwayAndNobodyElse() {
    try (Child stranger = Child.start("sleep", "1000");
        Child ofAnotherRun = Child.marked(ANOTHER_RUN, 1, "sleep", "1000");
        LogLines log = LogLines.of("dev.terrarium")) {
      List<Proc> escaped = escape();
      assertThat(Endings.runs(home)).hasSize(1);
      try (Terrarium next = Endings.runtime(home)) {
        assertThat(escaped).noneMatch(Endings::lives);
        assertThat(Endings.runs(home)).containsExactly(next.runId());
      }
      assertThat(log.containing("2 found, 2 killed, 0 left")).hasSize(1);
      assertThat(stranger.alive()).isTrue();
      assertThat(ofAnotherRun.alive()).isTrue();
    }
  }

  /// A daemon and a child with its own session.
  private List<Proc> escape() {
    String[] arguments = {home.toString(), files.toString(), "trouble.py", "2", "family"};
    try (Jvm jvm = Jvm.start(Victim.class, arguments)) {
      jvm.awaitLine("ready");
      return Escape.from(jvm, 2);
    }
  }

  @Test
  void aRunThatLivesIsLeftAlone() {
    try (Terrarium first = Endings.runtime(home);
        Pool pool = Endings.pool(first).size(2).start()) {
      List<Long> workers = Endings.pids(pool);
      try (Terrarium second = Endings.runtime(home)) {
        assertThat(Endings.runs(home)).containsExactlyInAnyOrder(first.runId(), second.runId());
      }
      assertThat(pool.tool("pid").call(Long.class)).isIn(workers);
      assertThat(pool.stats().restarts()).isZero();
    }
  }
}
