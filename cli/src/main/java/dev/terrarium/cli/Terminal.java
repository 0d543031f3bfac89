package dev.terrarium.cli;

import java.io.Console;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import picocli.CommandLine.Help.Ansi;

/// Where the answer goes (stdout) and where the talk goes (stderr). Escape codes, of colours and of
/// a line that is written again, only where a person is looking, at a terminal that knows them, and
/// has not said `NO_COLOR`.
///
/// Both streams are UTF-8 whatever the locale says: JSON has no other encoding. Safe for use by
/// many threads.
public final class Terminal {
  private static final String CLEAR_LINE = "\r\033[K";

  /// How far the lines of progress lie apart where nobody looks, at least.
  static final Duration PROGRESS_INTERVAL = Duration.ofSeconds(5);

  private final PrintWriter out;
  private final PrintWriter err;
  private final boolean colours;
  private final BooleanSupplier rewrites;
  private final Supplier<Answerer> answerer;
  private final LongSupplier nanoTime;
  private final boolean isWithProgressLines;
  private OptionalLong lastProgress = OptionalLong.empty(); // guarded by this
  private boolean progressStands; // guarded by this

  /// @param interactive whether a person looks at both streams, and answers
  public Terminal(OutputStream out, OutputStream err, boolean interactive) {
    this(out, err, interactive, () -> interactive ? Answerer.PERSON : Answerer.INPUT);
  }

  /// @param answerer is asked for only where there is a question: to find out takes a while
  Terminal(OutputStream out, OutputStream err, boolean interactive, Supplier<Answerer> answerer) {
    this(
        new PrintWriter(out, true, StandardCharsets.UTF_8),
        new PrintWriter(err, true, StandardCharsets.UTF_8),
        interactive,
        () -> interactive,
        answerer,
        System::nanoTime,
        true);
  }

  private Terminal(
      PrintWriter out,
      PrintWriter err,
      boolean colours,
      BooleanSupplier rewrites,
      Supplier<Answerer> answerer,
      LongSupplier nanoTime,
      boolean isWithProgressLines) {
    this.out = out;
    this.err = err;
    this.colours = colours;
    this.rewrites = rewrites;
    this.answerer = answerer;
    this.nanoTime = nanoTime;
    this.isWithProgressLines = isWithProgressLines;
  }

  /// The same with a clock of its own.
  Terminal timedBy(LongSupplier clock) {
    return new Terminal(out, err, colours, rewrites, answerer, clock, isWithProgressLines);
  }

  /// The same for a program that reads how far the work is in the answer: where no person looks it
  /// says nothing of it besides.
  public Terminal withoutProgressLines() {
    return new Terminal(out, err, colours, rewrites, answerer, nanoTime, false);
  }

  /// The process's own streams.
  static Terminal ofProcess() {
    boolean codes = takesCodes(System.getenv());
    return new Terminal(
        new PrintWriter(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8),
        new PrintWriter(new FileOutputStream(FileDescriptor.err), true, StandardCharsets.UTF_8),
        codes && isAtConsole(),
        () -> codes && Answerer.seesTheTalk(),
        Answerer::ofProcess,
        System::nanoTime,
        true);
  }

  private static boolean isAtConsole() {
    return Optional.ofNullable(System.console()).filter(Console::isTerminal).isPresent();
  }

  /// Whether whoever sits at a terminal wants escape codes on it. An empty `NO_COLOR` says nothing,
  /// as no-color.org has it; a terminal without a name is a dumb one.
  static boolean takesCodes(Map<String, String> environment) {
    return environment.getOrDefault("NO_COLOR", "").isEmpty()
        && !List.of("", "dumb").contains(environment.getOrDefault("TERM", ""));
  }

  /// Who answers questions.
  Answerer answerer() {
    return answerer.get();
  }

  PrintWriter out() {
    return out;
  }

  PrintWriter err() {
    return err;
  }

  /// The answer.
  public void print(String line) {
    clearProgress();
    out.println(line);
  }

  /// Whether all of the answer went out; false on a full disk, or where nobody reads.
  boolean delivered() {
    return !out.checkError();
  }

  /// Talk: what a program that reads the answer does not have to see.
  public void say(String line) {
    clearProgress();
    err.println(line);
  }

  /// A question. A person types the answer behind it.
  void ask(String question) {
    clearProgress();
    if (answerer() == Answerer.PERSON) {
      err.print(question + " ");
      err.flush();
    } else {
      err.println(question);
    }
  }

  /// How far the work is, in a line that the next one replaces. Where nobody looks, in a log say, a
  /// line of its own every five seconds at most.
  public synchronized void progress(String line) {
    if (rewrites.getAsBoolean()) {
      err.print(CLEAR_LINE + "   " + line);
      err.flush();
      progressStands = true;
    } else if (isWithProgressLines && isTimeForProgress()) {
      err.println("   " + line);
    }
  }

  private boolean isTimeForProgress() {
    long now = nanoTime.getAsLong();
    boolean soon =
        lastProgress.isPresent() && now - lastProgress.getAsLong() < PROGRESS_INTERVAL.toNanos();
    if (!soon) {
      lastProgress = OptionalLong.of(now);
    }
    return !soon;
  }

  /// Takes the progress line away.
  public synchronized void clearProgress() {
    if (progressStands) {
      err.print(CLEAR_LINE);
      err.flush();
      progressStands = false;
    }
  }

  /// Text in a style of picocli's markup, such as `bold` or `fg(green)`.
  public String styled(String style, String text) {
    return ansi().enabled() ? ansi().string("@|" + style + " " + text + "|@") : text;
  }

  /// A horizontal line.
  public String rule(int width) {
    return (speaksUnicode() ? "\u2500" : "-").repeat(width);
  }

  Ansi ansi() {
    return colours ? Ansi.ON : Ansi.OFF;
  }

  private static boolean speaksUnicode() {
    String name = System.getProperty("stdout.encoding", System.getProperty("native.encoding"));
    return name != null && Charset.forName(name).newEncoder().canEncode('\u2500');
  }
}
