package dev.terrarium;

import static dev.terrarium.Trouble.awaitFile;
import static dev.terrarium.Trouble.failure;
import static dev.terrarium.Trouble.inBackground;
import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.StartFailedException.Reason;
import dev.terrarium.process.ProcFs;
import dev.terrarium.testkit.Jvm;
import dev.terrarium.testkit.Procs;
import dev.terrarium.testkit.Procs.Proc;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// An interpreter is a command of the user's, often a launcher that starts others. It is run before
/// there is a warden, and when it hung nobody looked after it: a JVM that was killed left it and
/// its children behind, without a mark; a child that held its output kept the start waiting for
/// ever.
@Timeout(120)
final class HangingInterpreterTest {
  /// What answers like an interpreter, and gives itself as the real one.
  private static final String ANSWER = "printf 'terrarium\\n3\\n11\\n7\\n%s\\n\\n' \"$0\"";

  @TempDir private Path directory;

  /// Tries to start a runtime.
  static final class Starter {
    public static void main(String[] arguments) {
      Config config = Config.defaults().withHome(Path.of(arguments[0])).withPython(arguments[1]);
      try (Terrarium runtime = Terrarium.start(config)) {
        System.out.println("started " + runtime.runId());
      }
    }
  }

  // The launcher and a child of its, and no more output than that.
  private String hang() {
    return "sleep 600 & echo \"$$ $!\" > %1$s.tmp; mv %1$s.tmp %1$s; sleep 600".formatted(pids());
  }

  private Path pids() {
    return directory.resolve("pids");
  }

  @ParameterizedTest
  @ValueSource(strings = {"the interpreter hangs", "what it names hangs as a warden"})
  void aKilledJvmLeavesNothingOfWhatHangs(String what) throws IOException {
    String python =
        what.startsWith("the")
            ? script(hang())
            : script("case \"$*\" in *' -c '*) " + ANSWER + ";; *) " + hang() + ";; esac");
    Path home = directory.resolve("home");
    try (Jvm jvm = Jvm.start(Starter.class, home.toString(), python)) {
      List<Proc> hanging = awaitHanging();
      for (Proc proc : hanging) {
        assertThat(Procs.mark(proc.pid())).as("the mark of %s", proc).isPresent();
        assertThat(ProcFs.stat(proc.pid()).orElseThrow().group())
            .isEqualTo(hanging.getFirst().pid());
      }
      awaitRun(home);
      jvm.kill();
      jvm.awaitExit();
      Endings.soon().until(() -> hanging.stream().noneMatch(Endings::lives));
    }
    // What the JVM had on disk is the next start's.
    assertThat(Endings.close(Endings.runtime(home)).left()).isZero();
  }

  @Test
  void whatHasLeftTheGroupOfOneThatHangsIsEndedByTheNextStart() throws IOException {
    String python = script("setsid sh -c '" + hang() + "' & sleep 600");
    Path home = directory.resolve("home");
    List<Proc> escaped;
    try (Jvm jvm = Jvm.start(Starter.class, home.toString(), python)) {
      escaped = awaitHanging();
      awaitRun(home);
      jvm.kill();
      jvm.awaitExit();
    }
    assertThat(escaped).allMatch(Endings::lives);
    Terrarium next = Endings.runtime(home);
    Endings.soon().until(() -> escaped.stream().noneMatch(Endings::lives));
    assertThat(Endings.close(next).left()).isZero();
  }

  @Test
  void aChildThatHoldsTheOutputKeepsNobodyWaitingAndIsEnded() throws IOException {
    String python =
        script(
            "[ -e %1$s ] || { sleep 600 & echo \"$!\" > %1$s.tmp; mv %1$s.tmp %1$s; }; exec python3 \"$@\""
                .formatted(pids()));
    Config config = Config.defaults().withHome(directory.resolve("home")).withPython(python);
    try (Terrarium runtime = Terrarium.start(config)) {
      assertThat(runtime.runId()).hasSize(7);
      List<Long> child = numbers();
      Endings.soon().until(() -> child.stream().noneMatch(Procs::alive));
    }
  }

  @Test
  void anInterruptEndsTheWaitAndWhatHangs() throws Exception {
    Config config =
        Config.defaults().withHome(directory.resolve("home")).withPython(script(hang()));
    var starter = new CompletableFuture<Thread>();
    CompletableFuture<Terrarium> starting =
        inBackground(
            () -> {
              starter.complete(Thread.currentThread());
              return Terrarium.start(config);
            });
    List<Proc> hanging = awaitHanging();
    starter.get(30, TimeUnit.SECONDS).interrupt();
    assertThat(failure(StartFailedException.class, starting).reason()).isEqualTo(Reason.CANCELLED);
    Endings.soon().until(() -> hanging.stream().noneMatch(Endings::lives));
  }

  // A directory under its temporary name is left alone for a minute.
  private static void awaitRun(Path home) {
    Path runs = home.resolve("runs");
    Endings.soon()
        .until(
            () ->
                Files.exists(runs)
                    && Endings.names(runs).stream().anyMatch(name -> !name.startsWith(".")));
  }

  private List<Proc> awaitHanging() throws IOException {
    awaitFile(pids());
    return numbers().stream().map(Endings::proc).toList();
  }

  private List<Long> numbers() throws IOException {
    return List.of(Files.readString(pids()).strip().split(" ")).stream()
        .map(Long::parseLong)
        .toList();
  }

  private String script(String command) throws IOException {
    Path file = Trouble.write(directory.resolve("python"), "#!/bin/sh\n" + command + "\n");
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwx------"));
    return file.toString();
  }
}
