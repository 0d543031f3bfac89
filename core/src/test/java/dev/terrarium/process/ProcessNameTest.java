package dev.terrarium.process;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

final class ProcessNameTest {
  /// Names that the rule for pools allows, made to look like those of other pools' processes.
  private static final List<String> ALIKE =
      List.of("a", "a-1", "a-zygote", "a-zygote.1", "a-zygote-1", "a-1-zygote", "a-zygote.1-1");

  @Test
  void areReadAsWhatTheyAre() {
    assertThat(ProcessName.worker("textstats", 3)).hasToString("textstats-3");
    assertThat(ProcessName.zygote("textstats", 1)).hasToString("textstats-zygote.1");
  }

  @Test
  void areEachTheNameOfOneProcessHoweverAlikeThePoolsAreCalled() {
    var texts = new ArrayList<String>();
    for (String pool : ALIKE) {
      for (int serial = 1; serial <= 12; serial++) {
        texts.add(ProcessName.worker(pool, serial).toString());
        texts.add(ProcessName.zygote(pool, serial).toString());
      }
    }
    assertThat(texts).hasSize(2 * 12 * ALIKE.size()).doesNotHaveDuplicates();
  }

  @Test
  void areGivenOnceAndCountedByRole() {
    var names = new ProcessNames("a");
    assertThat(List.of(names.nextWorker(), names.nextZygote(), names.nextWorker()))
        .containsExactly(
            ProcessName.worker("a", 1), ProcessName.zygote("a", 1), ProcessName.worker("a", 2));
  }
}
