package dev.terrarium;

import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.testkit.Jvm;
import dev.terrarium.testkit.Procs;
import dev.terrarium.testkit.Procs.Proc;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The JVM gets SIGKILL and can do nothing any more: whatever its workers are doing, they and all
/// that they ever started are gone.
@Timeout(90)
final class HostKilledTest {
  private static final String ADAPTER = "trouble.py";

  @TempDir Path home;
  @TempDir Path files;

  private Jvm victim(String adapter, int size, String... work) {
    List<String> arguments = new ArrayList<>(List.of(home.toString(), files.toString()));
    arguments.addAll(List.of(adapter, Integer.toString(size)));
    arguments.addAll(List.of(work));
    return Jvm.start(Victim.class, arguments.toArray(String[]::new));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "idle",
        "loop...",
        "sleep_long...",
        "hold_gil...",
        "hold_gil_in_libc...",
        "stop_self...",
        "ignore_sigterm...",
        "child",
        "session_child",
        "daemon",
        "loop_with_family..."
      })
  void nothingIsLeft(String work) {
    try (Jvm jvm = victim(ADAPTER, 2, work)) {
      jvm.awaitLine("ready");
      if (work.startsWith("stop_self")) {
        Endings.soon().until(() -> below(jvm).anyMatch(proc -> proc.state() == 'T'));
      }
      killAndWatch(jvm, work);
    }
  }

  private static Stream<Proc> below(Jvm jvm) {
    return Procs.descendants(jvm.pid()).stream();
  }

  @Test
  void nothingIsLeftOfWorkersThatAreStillImporting() {
    try (Jvm jvm = victim("endless_import.py", 2)) {
      Endings.soon().until(() -> Endings.names(files).size() == 1); // the zygote
      killAndWatch(jvm, "importing");
    }
  }

  @Test
  void nothingIsLeftOfAllOfThemAtOnce() {
    String[] work = {
      "family",
      "loop...",
      "hold_gil...",
      "hold_gil_in_libc...",
      "stop_self...",
      "ignore_sigterm...",
      "loop_with_family..."
    };
    try (Jvm jvm = victim(ADAPTER, 8, work)) {
      jvm.awaitLine("ready");
      killAndWatch(jvm, "all of them at once");
    }
  }

  @Test
  void nothingIsLeftOfAStartThatWasUnderWay() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    System.out.println("seed " + seed);
    for (int i = 0; i < 5; i++) {
      int enough = random.nextInt(1, 21);
      try (Jvm jvm = victim(ADAPTER, 20)) {
        Endings.soon().until(() -> below(jvm).count() >= enough);
        killAndWatch(jvm, "a start of 20 workers, with at least " + enough + " processes");
      }
    }
  }

  private static void killAndWatch(Jvm jvm, String what) {
    Proc warden = Endings.warden(jvm.pid());
    long birthmark = Endings.birthmark(warden);
    List<Proc> known = Procs.marked(birthmark);
    assertThat(known).anyMatch(warden::is);
    long begin = System.nanoTime();
    jvm.kill();
    long millis = Endings.awaitNothingLeft(known, birthmark, begin);
    Endings.report(
        "SIGKILL of the JVM, workers: " + what,
        Map.of("processes", known.size(), "left", 0, "ms", millis));
  }

  @Test
  void aStoppedJvmKillsNothingAndGoesOn() {
    try (Jvm jvm = victim(ADAPTER, 2)) {
      jvm.awaitLine("answer 1 ");
      List<Proc> before = below(jvm).toList();
      jvm.pause();
      Endings.soon().until(() -> Procs.state(jvm.pid()).orElse('?') == 'T');
      long answers = answers(jvm);
      Endings.soon()
          .during(Duration.ofSeconds(2))
          .until(() -> before.stream().allMatch(Endings::lives));
      jvm.resume();
      String next = jvm.awaitLine("answer " + (answers + 3) + " ");
      assertThat(before).extracting(Proc::pid).contains(Long.parseLong(next));
    }
  }

  private static long answers(Jvm jvm) {
    return jvm.lines().stream().filter(line -> line.startsWith("answer ")).count();
  }

  @Test
  void aNeighbourDoesNotNotice() {
    try (Jvm jvm = victim(ADAPTER, 2);
        Jvm neighbour = victim(ADAPTER, 2)) {
      jvm.awaitLine("answer 1 ");
      neighbour.awaitLine("answer 1 ");
      List<Proc> others = below(neighbour).toList();
      killAndWatch(jvm, "with a neighbour");
      String next = neighbour.awaitLine("answer " + (answers(neighbour) + 3) + " ");
      assertThat(others).extracting(Proc::pid).contains(Long.parseLong(next));
      assertThat(others).allMatch(Endings::lives);
    }
  }
}
