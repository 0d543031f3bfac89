package dev.terrarium.orphan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import dev.terrarium.orphan.CleanupReport.InUse;
import dev.terrarium.orphan.CleanupReport.Removed;
import dev.terrarium.orphan.RunState.Dead;
import dev.terrarium.orphan.RunState.Foreign;
import dev.terrarium.orphan.RunState.HalfRemoved;
import dev.terrarium.orphan.RunState.Live;
import dev.terrarium.orphan.RunState.OfAnotherBoot;
import dev.terrarium.orphan.RunState.Unreadable;
import dev.terrarium.process.Birthmark;
import dev.terrarium.registry.RunDirectory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// What `status` calls a run is what the next start takes it for. A removal that was cut short was
/// `unreadable` to those who looked, with the advice to search for what was left, and the next
/// start removed it.
final class RunInspectorTest extends CleaningUp {
  private static final Change EARLIER_BOOT =
      rewriting("\"boot\":\"[^\"]+\"", "\"boot\":\"another\"");
  private static final Change OTHER_USER = rewriting("\"uid\":\\d+", "\"uid\":4242");
  private static final Change OTHER_NAMESPACE = rewriting("pid:\\[\\d+]", "pid:[1]");

  /// Makes of a run that lives what a case is about.
  @FunctionalInterface
  interface Change {
    void make(RunDirectory run) throws IOException;

    default Change and(Change other) {
      return run -> {
        make(run);
        other.make(run);
      };
    }
  }

  private static Change rewriting(String pattern, String text) {
    return run -> {
      run.close();
      Path file = run.path().resolve("run.json");
      String before = Files.readString(file);
      String changed = before.replaceFirst(pattern, text);
      assertThat(changed).isNotEqualTo(before);
      Files.writeString(file, changed);
    };
  }

  private static Change without(String file) {
    return run -> {
      run.close();
      Files.delete(run.path().resolve(file));
    };
  }

  private static void remove(RunDirectory run) {
    run.allClear();
    run.close();
  }

  static Stream<Arguments> cases() {
    return Stream.of(
        ofCase("lives", _ -> {}, Live.class, InUse.class),
        ofCase("is dead", RunDirectory::close, Dead.class, Removed.class),
        ofCase("of an earlier boot", EARLIER_BOOT, OfAnotherBoot.class, Removed.class),
        ofCase(
            "of an earlier boot, and of another user",
            EARLIER_BOOT.and(OTHER_USER),
            OfAnotherBoot.class,
            Removed.class),
        ofCase(
            "of an earlier boot, and of another namespace",
            EARLIER_BOOT.and(OTHER_NAMESPACE),
            OfAnotherBoot.class,
            Removed.class),
        ofCase("of another user", OTHER_USER, Foreign.class, Foreign.class),
        ofCase("of another namespace", OTHER_NAMESPACE, Foreign.class, Foreign.class),
        ofCase(
            "without a birthmark",
            rewriting("\"birthmark\":\\d+", "\"birthmark\":null"),
            Unreadable.class,
            Unreadable.class),
        ofCase("damaged", rewriting("\\{", ""), Unreadable.class, Unreadable.class),
        ofCase("without its lock", without("lock"), Unreadable.class, Unreadable.class),
        ofCase("half removed", without("run.json"), HalfRemoved.class, Removed.class),
        ofCase(
            "removed but for the directory",
            run -> {
              remove(run);
              Files.createDirectory(run.path());
            },
            HalfRemoved.class,
            Removed.class),
        ofCase(
            "a link",
            run -> {
              remove(run);
              Files.createSymbolicLink(run.path(), Path.of(".."));
            },
            Unreadable.class,
            Unreadable.class));
  }

  private static Arguments ofCase(
      String what, Change change, Class<? extends RunState> looksLike, Class<?> becomes) {
    return arguments(what, change, looksLike, becomes);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("cases")
  void givesThoseWhoLookAndThoseWhoEndOneAnswer(
      String what, Change change, Class<?> looksLike, Class<?> becomes) throws IOException {
    RunDirectory run = newRun(Birthmark.choose());
    change.make(run);
    assertThat(states()).as(what).containsExactly(looksLike);
    assertThat(fates(clean())).as(what).containsExactly(becomes);
    remove(run);
  }

  @Test
  void takesNothingButADirectoryForARun() throws IOException {
    Files.createFile(state.runs().resolve("s59m65f"));
    assertThat(states()).isEmpty();
    assertThat(fates(clean())).isEmpty();
  }
}
