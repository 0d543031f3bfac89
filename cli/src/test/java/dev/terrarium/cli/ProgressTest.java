package dev.terrarium.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/// What a command says of how far it is.
final class ProgressTest {
  private final ByteArrayOutputStream said = new ByteArrayOutputStream();
  private final AtomicLong clock = new AtomicLong();

  private Terminal terminal(boolean interactive) {
    return new Terminal(OutputStream.nullOutputStream(), said, interactive).timedBy(clock::get);
  }

  private String said() {
    return said.toString(StandardCharsets.UTF_8);
  }

  /// Without a terminal the demo said nothing for as long as its work took.
  @Test
  void aLogGetsALineNowAndThen() {
    Terminal terminal = terminal(false);
    terminal.progress("one");
    terminal.progress("two");
    clock.addAndGet(Terminal.PROGRESS_INTERVAL.toNanos());
    terminal.progress("three");
    terminal.progress("four");
    terminal.clearProgress();
    assertThat(said()).isEqualTo("   one\n   three\n");
  }

  @Test
  void aPersonSeesEachInThePlaceOfTheLast() {
    Terminal terminal = terminal(true);
    terminal.progress("one");
    terminal.progress("two");
    assertThat(said()).isEqualTo("\r\033[K   one\r\033[K   two");
  }

  @Test
  void aProgramReadsItInTheAnswer() {
    terminal(false).withoutProgressLines().progress("one");
    assertThat(said()).isEmpty();
  }
}
