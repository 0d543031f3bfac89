package dev.terrarium.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/// What only a person can answer, at standard input, whether that is a terminal or not. Waited for
/// without a limit is only a person who sees the question.
final class Questions {
  private static final String YES = "yes";
  private static final Duration PATIENCE = Duration.ofMinutes(1);

  private final Terminal terminal;
  private final Duration patience;
  private final BufferedReader in = new BufferedReader(new InputStreamReader(System.in, UTF_8));

  private boolean ended;

  Questions(Terminal terminal) {
    this(terminal, PATIENCE);
  }

  /// @param patience with each answer, where standard input is no terminal
  Questions(Terminal terminal, Duration patience) {
    this.terminal = terminal;
    this.patience = patience;
  }

  /// Only a line with that very word is a yes; the end of the input is a no, to all that follows as
  /// well, and so is an input that says nothing.
  boolean yes(String question) {
    if (ended) {
      return false;
    }
    terminal.ask(question);
    Optional<String> line = terminal.answerer() == Answerer.NOBODY ? Optional.empty() : line();
    if (line.isEmpty()) {
      ended = true;
      terminal.say("(no answer)");
    }
    return line.filter(it -> it.strip().equals(YES)).isPresent();
  }

  /// Empty where none comes: one that comes too late is nobody's any more.
  private Optional<String> line() {
    var line = new FutureTask<Optional<String>>(() -> Optional.ofNullable(in.readLine()));
    Thread.ofPlatform().daemon().name("terrarium-input").start(line);
    try {
      return terminal.answerer() == Answerer.PERSON
          ? line.get()
          : line.get(patience.toMillis(), TimeUnit.MILLISECONDS);
    } catch (TimeoutException | ExecutionException e) {
      return Optional.empty();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return Optional.empty();
    }
  }
}
