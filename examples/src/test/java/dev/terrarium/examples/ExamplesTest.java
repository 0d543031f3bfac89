package dev.terrarium.examples;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Each example runs as its reader would run it, with real workers, and prints what it promises.
final class ExamplesTest {
  private interface Program {
    void run() throws IOException;
  }

  @Test
  void theFirstCallCounts() throws IOException {
    assertThat(printedBy(() -> FirstCall.main(new String[0])))
        .containsExactly("3 words, 2 of them \"a\"");
  }

  @Test
  void aCallHasEverything() throws IOException {
    assertThat(printedBy(() -> CallWithEverything.main(new String[0])))
        .containsExactly(
            "similarity 0.43, shared [Phrase[text=quick brown, times=1], Phrase[text=quick,"
                + " times=1], Phrase[text=brown, times=1], Phrase[text=jumps, times=1]]",
            "later: 5 words",
            "the fox: 0.40",
            "no match: 0.00");
  }

  @Test
  void aBatchOfManyItems() throws IOException {
    assertThat(printedBy(() -> Batch.main(new String[0])))
        .containsExactly(
            "in order: [3, 6, 1]",
            "in any order: 45000 words",
            "enough: 15",
            "before the failure: 1",
            "item 1 (5): ToolException");
  }

  @Test
  void bytesGoInAndOut() throws IOException {
    assertThat(printedBy(() -> Thumbnail.main(new String[0])))
        .singleElement()
        .asString()
        .matches("\\d+ bytes became \\d+: 64 x 48 pixels");
  }

  @Test
  void errorsAreWhatACallerCanDoAboutThem() throws IOException {
    List<String> lines = printedBy(() -> ErrorHandling.main(new String[0]));
    assertThat(lines.get(1))
        .matches("look where it hung: File \".*mishaps.py\", line \\d+, in hang");
    lines.remove(1);
    assertThat(lines)
        .containsExactly(
            "fix the argument: ValueError: nobody is 200 years old",
            "retry if idempotent: killed by SIGSEGV; it said: about to crash",
            "the pool is closed",
            "shed load: 0 waiting of 0",
            "it did not start: ADAPTER_MISSING");
  }

  @Test
  void aRuntimeHasSeveralPools(@TempDir Path home) throws IOException {
    assertThat(printedBy(() -> WholeRuntime.main(new String[] {home.toString()})))
        .containsExactly(
            "{to=2, be=2, or=1, not=1}; 42", "2 + 1 workers", "ended by force: 0, left: 0");
  }

  @Test
  void aProgramFinishesItsCallsBeforeItEnds(@TempDir Path home) throws IOException {
    assertThat(printedBy(() -> GracefulEnd.main(new String[] {home.toString()})))
        .containsExactly("answered: {to=2, be=2, or=1, not=1}", "refused: 0, cut off: 0");
  }

  private static List<String> printedBy(Program program) throws IOException {
    PrintStream out = System.out;
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    System.setOut(new PrintStream(printed, true, UTF_8));
    try {
      program.run();
    } finally {
      System.setOut(out);
    }
    return new ArrayList<>(printed.toString(UTF_8).lines().toList());
  }
}
