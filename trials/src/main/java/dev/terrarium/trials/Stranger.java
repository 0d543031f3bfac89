package dev.terrarium.trials;

import dev.terrarium.testkit.Procs;
import dev.terrarium.testkit.Procs.Proc;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// A process that is not ours and looks as if it were. Dead at the latest when it is closed.
final class Stranger implements AutoCloseable {
  private static final String READY = "ready\n";

  private final String who;
  private final Process process;
  private final Proc seen;
  private final Optional<Path> diary;

  private Stranger(String who, Process process, Optional<Path> diary) {
    this.who = who;
    this.process = process;
    this.diary = diary;
    this.seen = Procs.find(process.pid()).orElseThrow();
  }

  /// `python3 grpc_server.py --snakepit-run-id ID`: notices every signal.
  static Stranger lookalike(String runId, Path diary) {
    return pythonic("the look-alike", runId, diary, Map.of());
  }

  /// The same with an environment that it has from somebody else.
  static Stranger impostor(String runId, Path diary, Map<String, String> environment) {
    return pythonic("the one with a copied environment", runId, diary, environment);
  }

  /// An editor, by its name, on a file of a worker's name.
  static Stranger editor(Path file) {
    return start(
        "the editor",
        new ProcessBuilder("bash", "-c", "exec -a vim tail -f \"$0\"", file.toString()),
        Optional.empty());
  }

  private static Stranger pythonic(
      String who, String runId, Path diary, Map<String, String> environment) {
    var builder =
        new ProcessBuilder(
            Facts.interpreter(),
            Places.lookalike().toString(),
            "--snakepit-run-id",
            runId,
            "--diary",
            diary.toString());
    builder.environment().putAll(environment);
    Stranger stranger = start(who, builder, Optional.of(diary));
    Until.holds(() -> stranger.diary().equals(READY));
    return stranger;
  }

  private static Stranger start(String who, ProcessBuilder builder, Optional<Path> diary) {
    try {
      Process process =
          builder
              .redirectInput(Redirect.from(new File("/dev/null")))
              .redirectOutput(Redirect.DISCARD)
              .redirectError(Redirect.DISCARD)
              .start();
      return new Stranger(who, process, diary);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  Proc seen() {
    return seen;
  }

  boolean is(Proc other) {
    return seen.is(other);
  }

  /// What was done to it; empty if nothing.
  List<String> hurt() {
    Optional<Proc> now = Procs.find(seen.pid()).filter(it -> it.is(seen) && it.alive());
    List<String> hurt = new ArrayList<>();
    if (now.isEmpty()) {
      hurt.add(who + " is dead");
    } else if (now.get().state() == 'T') {
      hurt.add(who + " is stopped");
    }
    String written = diary.isPresent() ? diary() : READY;
    if (!written.equals(READY)) {
      hurt.add(who + " got " + written.replace(READY, "").strip());
    }
    return hurt;
  }

  private String diary() {
    Path file = diary.orElseThrow();
    try {
      return Files.exists(file) ? Files.readString(file, StandardCharsets.US_ASCII) : "";
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() {
    process.destroyForcibly();
    boolean _ = Until.holds(() -> !process.isAlive(), Until.PATIENCE);
  }
}
