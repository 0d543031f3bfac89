package dev.terrarium.trials;

import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.Start;
import dev.terrarium.trials.MatrixResult.Cell;
import dev.terrarium.trials.OrdealResult.RoundResult;
import dev.terrarium.trials.Survivors.ChaosRun;
import dev.terrarium.trials.Survivors.MatrixRun;
import dev.terrarium.trials.Survivors.OrdealRun;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class ReportTest {
  @TempDir Path folder;

  private static MatrixRun matrix(String... survivors) {
    var cells =
        List.of(
            cell(State.LOOP, 20, 1, survivors), cell(State.GIL, 40, 2), cell(State.IDLE, 30, 3));
    var result = new MatrixResult(Ending.SIGKILL, 0, Start.ZYGOTE, 33, 45, cells, List.of(), "");
    return new MatrixRun(Facts.now("trials/run matrix", 2).took(61), List.of(result));
  }

  private static Cell cell(State state, double millis, int processes, String... survivors) {
    return new Cell(state, Kin.DAEMON, Fate.WITH_HOST, processes, millis, List.of(survivors));
  }

  private static ChaosRun chaos(String... hurt) {
    var result =
        new ChaosResult(
            7, Since.RUN, Blow.HOST_THEN_WARDEN, 12, 2, 15, 80, List.of(), List.of(hurt), "");
    return new ChaosRun(Facts.now("trials/run chaos", 2).took(9), 4_711, List.of(result));
  }

  @Test
  void saysHowManyWereLeftAndHowLongItTook() {
    String text = new Report(Survivors.NONE.with(matrix())).text();
    assertThat(text)
        .contains("**0 survivors** in 3 of the 990 cells of ", "in 1 hosts with 33 processes")
        .contains("| SIGKILL | 3 | 6 | 0 | 20 / 30 / 40 |")
        .contains("| Python loop | 1 | 0 | 20 / 20 / 20 |  |  |")
        .contains("Not run yet: `trials/run chaos`");
  }

  @Test
  void namesASurvivor() {
    String text = new Report(Survivors.NONE.with(matrix("pid 5: sleep"))).text();
    assertThat(text)
        .contains("**1 survivors**")
        .contains("* SIGKILL: LOOP, DAEMON: pid 5: sleep")
        .contains("| SIGKILL | 3 | 6 | 1 | 30 / 40 / 40 |");
  }

  @Test
  void saysWhoWasHurtAndWithWhichSeed() {
    String text = new Report(Survivors.NONE.with(chaos("the editor is dead"))).text();
    assertThat(text)
        .contains("**0 orphans, 1 strangers hurt** in 1 kills")
        .contains("Seed 4711")
        .contains("* kill 7, hurt: the editor is dead")
        .contains(
            "| SIGKILL of the host, then of its warden | 1 | 12 | 0 | 1 | 2 | 15 / 15 / 15 | 80 /"
                + " 80 / 80 |")
        .contains("Not run yet: `trials/run matrix`");
  }

  private static OrdealRun exhaustion(int none) {
    return exhaustion(none, Misfortune.SHORTAGES);
  }

  private static OrdealRun exhaustion(int none, List<Misfortune> met) {
    Ordeal ordeal = Ordeal.schedule(5, 1).getFirst();
    var round =
        new RoundResult(
            ordeal.rounds().getFirst(),
            met,
            Map.of("VALUE", 998 - none, "DEADLINE", 2),
            none,
            0,
            none == 0 ? List.of() : List.of("NoClassDefFoundError"),
            250);
    var result = new OrdealResult(3, List.of(round), 6, List.of(), List.of(), "");
    return new OrdealRun(Facts.now("trials/run exhaustion", 1).took(60), 815, List.of(result));
  }

  @Test
  void saysWhichCallersHadNoOutcome() {
    assertThat(new Report(Survivors.NONE.with(exhaustion(0))).text())
        .contains(
            "**0 callers without exactly one outcome, 0 pools not whole again, 0 processes left**"
                + " in 1 rounds of 1 hosts")
        .contains("Seed 815", "| a value | 998 |", "| its deadline | 2 |", "250 / 250 / 250")
        .doesNotContain("host 3, round");
    assertThat(new Report(Survivors.NONE.with(exhaustion(7))).text())
        .contains("**7 callers without exactly one outcome")
        .contains(
            "* host 3, round 0: 7 callers without an outcome, 0 with more than one,"
                + " [NoClassDefFoundError]");
  }

  @Test
  void saysWhatTookNoEffect() {
    assertThat(new Report(Survivors.NONE.with(exhaustion(0))).text())
        .contains(", 0 of them not held")
        .doesNotContain("* host 3 was not held");
    String text = new Report(Survivors.NONE.with(exhaustion(0, List.of()))).text();
    assertThat(text).contains(", 1 of them not held").contains("* host 3 was not held: not met: ");
    Misfortune asked =
        Ordeal.schedule(5, 1).getFirst().rounds().getFirst().happenings().stream()
            .map(Ordeal.Happening::what)
            .filter(it -> !it.isKill())
            .findFirst()
            .orElseThrow();
    assertThat(text).contains("| " + asked.words() + " | 1 | 0 | 1 | 0 | 250 / 250 / 250 |");
  }

  @Test
  void oneRunKeepsTheOtherOnesSection() throws IOException {
    Survivors.in(folder).with(matrix()).write(folder);
    Survivors.in(folder).with(chaos()).write(folder);
    Survivors.in(folder).with(exhaustion(0)).write(folder);
    assertThat(Files.readString(folder.resolve("survivors.md")))
        .contains("in 3 of the", "in 1 kills", "in 1 rounds")
        .doesNotContain("Not run yet");
    assertThat(Survivors.in(folder).latestMatrix().orElseThrow().results())
        .isEqualTo(matrix().results());
  }

  @Test
  void namesNoPlaceOnThisMachine() {
    String text =
        new Report(Survivors.NONE.with(matrix()).with(chaos()).with(exhaustion(0))).text();
    assertThat(text).doesNotContain(System.getProperty("user.dir"), "/home/", "/tmp/", "/root/");
  }

  @Test
  void thePageIsWhatItsFiguresSay() throws IOException {
    Path docs = Path.of("..", "docs");
    assertThat(Files.readString(docs.resolve("survivors.md")))
        .isEqualTo(new Report(Survivors.in(docs)).text());
  }
}
