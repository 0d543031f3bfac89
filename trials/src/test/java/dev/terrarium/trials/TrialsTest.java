package dev.terrarium.trials;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.terrarium.trials.Trials.Options;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class TrialsTest {
  @Test
  void theCommandLineIsRead() {
    Options options = Options.parse("chaos", "--kills", "7", "--seed", "9", "--lanes", "3");
    assertThat(options.matrix()).isFalse();
    assertThat(options.kills()).isEqualTo(7);
    assertThat(options.lanes()).isEqualTo(3);
    assertThat(options.command()).isEqualTo("trials/run chaos --kills 7 --seed 9");
    Options minutes = Options.parse("exhaustion", "--minutes", "7", "--seed", "9");
    assertThat(minutes.command()).isEqualTo("trials/run exhaustion --minutes 7 --seed 9");
    assertThat(Options.parse("matrix").command()).isEqualTo("trials/run matrix");
  }

  @Test
  void aSeedIsChosenWhereNoneIsGiven() {
    assertThat(Options.parse("chaos").seed()).isNotEqualTo(Options.parse("chaos").seed());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          ''                        | what is to be tried?
          riot                      | what is to be tried?
          chaos --kills             | --kills needs a value
          chaos --kills --out D     | --kills needs a value
          chaos --kills x           | --kills must be a number from 1 to 100000, not x
          chaos --kills 0           | --kills must be a number from 1 to 100000, not 0
          chaos --kills -1          | --kills must be a number from 1 to 100000, not -1
          chaos --kills 100001      | --kills must be a number from 1 to 100000, not 100001
          chaos --kills 4294967297  | --kills must be a number from 1 to 100000, not 4294967297
          chaos --lanes 0           | --lanes must be a number from 1 to 64, not 0
          matrix --lanes 65         | --lanes must be a number from 1 to 64, not 65
          chaos --seed 9223372036854775808 | --seed must be a number from -9223372036854775808 to 9223372036854775807, not 9223372036854775808
          matrix --fast             | unknown: --fast
          matrix --kills 5          | --kills is nothing for matrix
          matrix --seed 5           | --seed is nothing for matrix
          chaos --pairs             | --pairs is nothing for chaos
          chaos --minutes 3         | --minutes is nothing for chaos
          exhaustion --kills 3      | --kills is nothing for exhaustion
          exhaustion --minutes 0    | --minutes must be a number from 1 to 1440, not 0
          """)
  void wrongUseIsRefused(String arguments, String why) {
    String[] all = arguments.isEmpty() ? new String[0] : arguments.split(" ", -1);
    assertThatIllegalArgumentException().isThrownBy(() -> Options.parse(all)).withMessage(why);
  }

  @Test
  void theBoundsThemselvesAreAllowed() {
    assertThat(Options.parse("chaos", "--kills", "1", "--lanes", "64").kills()).isEqualTo(1);
    assertThat(Options.parse("chaos", "--kills", "100000", "--lanes", "1").lanes()).isEqualTo(1);
    assertThat(Options.parse("chaos", "--seed", "-9223372036854775808").seed())
        .isEqualTo(Long.MIN_VALUE);
  }

  @Test
  void helpIsNoWrongUse() throws IOException {
    assertThat(Trials.run("--help")).isZero();
    assertThat(Trials.run("chaos", "-h")).isZero();
    assertThat(Trials.run("chaos", "--kills", "0")).isEqualTo(2);
  }

  @Test
  void resultsThatCouldNotBeWrittenAreNotWaitedFor(@TempDir Path folder) throws IOException {
    Path file = Files.writeString(folder.resolve("file"), "");
    Path broken = Files.createDirectory(folder.resolve("broken"));
    Files.writeString(broken.resolve("survivors.json"), "{");
    for (Path out : List.of(file, file.resolve("below"), broken, Path.of("/proc/self"))) {
      assertThatIllegalArgumentException()
          .as(out.toString())
          .isThrownBy(() -> Survivors.requireWritable(out))
          .withMessageContaining("--out " + out);
      assertThat(Trials.run("chaos", "--kills", "1", "--out", out.toString())).isEqualTo(2);
    }
  }

  @Test
  void lookingWhetherResultsCanBeWrittenLeavesThemAlone(@TempDir Path folder) throws IOException {
    Path missing = folder.resolve("a/b");
    Survivors.requireWritable(missing);
    assertThat(missing).isEmptyDirectory();
    Survivors.NONE.write(missing);
    String before = Files.readString(missing.resolve("survivors.json"));
    Survivors.requireWritable(missing);
    assertThat(missing.resolve("survivors.json")).hasContent(before);
  }

  @Test
  void lanesGiveTheResultsInTheOrderOfTheItems() {
    List<Integer> items = IntStream.range(0, 100).boxed().toList();
    var told = new ConcurrentLinkedQueue<Integer>();
    List<Integer> results = Lanes.run(items, 3, () -> item -> item * 2, told::add);
    assertThat(results).isEqualTo(items.stream().map(it -> it * 2).toList());
    assertThat(told).containsExactlyInAnyOrderElementsOf(results);
  }
}
