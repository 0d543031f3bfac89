package dev.terrarium.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
final class QuestionsTest {
  private final InputStream stdin = System.in;
  private final PipedOutputStream input = new PipedOutputStream();
  private final ByteArrayOutputStream said = new ByteArrayOutputStream();

  @BeforeEach
  void layPipe() throws IOException {
    System.setIn(new PipedInputStream(input));
  }

  @AfterEach
  void closePipe() throws IOException {
    System.setIn(stdin);
    input.close();
  }

  private Questions questions(Answerer answerer, Duration patience) {
    var terminal = new Terminal(OutputStream.nullOutputStream(), said, false, () -> answerer);
    return new Questions(terminal, patience);
  }

  private String said() {
    return said.toString(UTF_8);
  }

  /// Such as a pipe that a program holds open and never writes to.
  @Test
  void anInputThatSaysNothingIsNotWaitedForForever() {
    Questions questions = questions(Answerer.INPUT, Duration.ofMillis(1));
    assertThat(questions.yes("first?")).isFalse();
    assertThat(questions.yes("second?")).isFalse();
    assertThat(said()).isEqualTo("first?%n(no answer)%n".formatted());
  }

  @Test
  void aPersonMayTakeHisTime() throws IOException {
    input.write("yes\nno\n".getBytes(UTF_8));
    Questions questions = questions(Answerer.PERSON, Duration.ZERO);
    assertThat(questions.yes("first?")).isTrue();
    assertThat(questions.yes("second?")).isFalse();
    assertThat(said()).isEqualTo("first? second? ");
  }

  @Test
  void nobodyIsNotWaitedForNorHeard() throws IOException {
    input.write("yes\n".getBytes(UTF_8));
    assertThat(questions(Answerer.NOBODY, Duration.ofHours(1)).yes("first?")).isFalse();
    assertThat(said()).contains("(no answer)");
  }
}
