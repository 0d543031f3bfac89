package dev.terrarium.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

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
  void nothingIsClearedWhereNothingStands() {
    Terminal terminal = terminal(true);
    terminal.print("an answer");
    terminal.say("a word");
    terminal.clearProgress();
    assertThat(said()).isEqualTo("a word\n");
    terminal.progress("one");
    terminal.say("another");
    terminal.print("an answer");
    assertThat(said()).isEqualTo("a word\n\r\033[K   one\r\033[Kanother\n");
  }

  /// On a real terminal: what is asked for by `NO_COLOR` was kept for colours only.
  @ParameterizedTest
  @CsvSource({
    "xterm, '', true",
    "xterm, 1, false",
    "dumb, '', false",
    "'', '', false",
  })
  void escapeCodesAreForTerminalsThatTakeThem(String name, String noColor, boolean codes) {
    Ran ran = onTerminal("seen", name, noColor);
    assertThat(ran.status()).as(ran.err()).isZero();
    assertThat(ran.err()).contains("   one", "three");
    assertThat(ran.err().contains("\033[K")).isEqualTo(codes);
    assertThat(ran.err().contains("two")).as("soon after the first").isEqualTo(codes);
  }

  @Test
  void escapeCodesStayOutOfALogThatIsWrittenFromATerminal() {
    Ran ran = onTerminal("unseen", "xterm", "");
    assertThat(ran.err()).isEqualTo("   one\nthree\n");
  }

  private static Ran onTerminal(String talk, String name, String noColor) {
    List<String> command = new ArrayList<>(List.of("python3"));
    command.addAll(List.of("src/test/resources/terminal.py", talk, "no"));
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("--enable-native-access=ALL-UNNAMED", "-XX:TieredStopAtLevel=1"));
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.add(TalkOnTerminal.class.getName());
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().put("TERM", name);
    builder.environment().put("NO_COLOR", noColor);
    return Ran.process(builder);
  }

  @Test
  void aProgramReadsItInTheAnswer() {
    terminal(false).withoutProgressLines().progress("one");
    assertThat(said()).isEmpty();
  }
}
