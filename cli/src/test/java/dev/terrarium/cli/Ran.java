package dev.terrarium.cli;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

/// A command that ran: its exit status, the answer, the talk.
record Ran(int status, String out, String err) {
  private static final int PATIENCE_SECONDS = 300; // a build on a busy machine is in it

  /// The command in this JVM, where nobody looks at a terminal.
  static Ran command(String... arguments) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    return command(new Terminal(out, err, false), out, err, arguments);
  }

  private static Ran command(
      Terminal terminal,
      ByteArrayOutputStream out,
      ByteArrayOutputStream err,
      String... arguments) {
    int status = TerrariumCommand.execute(terminal, arguments);
    return new Ran(
        status, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
  }

  /// The same, with somebody at standard input who reads the questions.
  ///
  /// @param interactive whether he sits at a terminal
  /// @param answers to the last line that was said since his last answer; empty is the end of the
  ///   input
  static Ran answered(
      boolean interactive, Function<String, Optional<String>> answers, String... arguments) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    InputStream stdin = System.in;
    System.setIn(new Answering(err, answers));
    try {
      return command(new Terminal(out, err, interactive), out, err, arguments);
    } finally {
      System.setIn(stdin);
    }
  }

  /// Each line is made when it is read for.
  private static final class Answering extends InputStream {
    private final ByteArrayOutputStream said;
    private final Function<String, Optional<String>> answers;
    private int heard;
    private ByteArrayInputStream line = new ByteArrayInputStream(new byte[0]);

    Answering(ByteArrayOutputStream said, Function<String, Optional<String>> answers) {
      this.said = said;
      this.answers = answers;
    }

    @Override
    public int read() {
      return line.available() > 0 || advance() ? line.read() : -1;
    }

    @Override
    public int read(byte[] bytes, int offset, int length) {
      return line.available() > 0 || advance() ? line.read(bytes, offset, length) : -1;
    }

    private boolean advance() {
      String all = said.toString(StandardCharsets.UTF_8);
      String question = all.substring(heard).lines().reduce("", (_, last) -> last);
      heard = all.length();
      Optional<String> answer = answers.apply(question);
      answer.ifPresent(
          it -> line = new ByteArrayInputStream((it + "\n").getBytes(StandardCharsets.UTF_8)));
      return answer.isPresent();
    }
  }

  /// A process.
  static Ran process(ProcessBuilder builder) {
    try {
      Path out = Files.createTempFile("out", "");
      Path err = Files.createTempFile("err", "");
      Process process = builder.redirectOutput(out.toFile()).redirectError(err.toFile()).start();
      if (!process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly();
        throw new AssertionError("still running: " + builder.command());
      }
      Ran ran = new Ran(process.exitValue(), Files.readString(out), Files.readString(err));
      Files.delete(out);
      Files.delete(err);
      return ran;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError("interrupted", e);
    }
  }

  List<String> lines() {
    return out.lines().toList();
  }

  List<String> talk() {
    return err.lines().toList();
  }
}
