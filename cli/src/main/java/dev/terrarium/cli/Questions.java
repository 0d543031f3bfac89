package dev.terrarium.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;

/// What only a person can answer, at standard input, whether that is a terminal or not.
final class Questions {
  private static final String YES = "yes";

  private final Terminal terminal;
  private final BufferedReader in = new BufferedReader(new InputStreamReader(System.in, UTF_8));

  private boolean ended;

  Questions(Terminal terminal) {
    this.terminal = terminal;
  }

  /// Only a line with that very word is a yes; the end of the input is a no, to all that follows as
  /// well.
  boolean yes(String question) {
    if (ended) {
      return false;
    }
    terminal.ask(question);
    try {
      String line = in.readLine();
      if (line == null) {
        ended = true;
        terminal.say("(no answer)");
      }
      return line != null && line.strip().equals(YES);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
