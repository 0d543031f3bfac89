package dev.terrarium.cli;

import static dev.terrarium.cli.TestAdapters.ECHO;
import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.Pool;
import dev.terrarium.Terrarium;
import dev.terrarium.testkit.LockProbe;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// A running host's lock is held before, during and after every command that looks: by the word of
/// a process that tries to take it all the time.
@Timeout(120)
final class HeldLockTest {
  @TempDir Path home;

  @ParameterizedTest
  @ValueSource(
      strings = {
        "status",
        "status --json",
        "orphans",
        "orphans list --json",
        "orphans kill --dry-run",
        "orphans kill --json",
        "doctor --json"
      })
  void outlastsACommandInThisJvm(String command) {
    try (Terrarium host = TestHost.neighbour(home);
        Pool _ = Pool.builder().runtime(host).adapter(Path.of(ECHO)).size(1).start()) {
      assertHeldDuring(command, home.resolve("runs").resolve(host.runId()));
    }
  }

  /// Where the lock is another process's.
  @ParameterizedTest
  @ValueSource(strings = {"status", "orphans kill --json", "doctor"})
  void outlastsACommandOfAnotherProcess(String command) {
    try (TestHost host = TestHost.start(home, 1)) {
      assertHeldDuring(command, host.directory());
    }
  }

  private void assertHeldDuring(String command, Path run) {
    try (LockProbe probe = LockProbe.start(run.resolve("lock"))) {
      List<String> arguments = new ArrayList<>(Arrays.asList(command.split(" ", -1)));
      arguments.addAll(List.of("--home", home.toString()));
      Ran ran = Ran.command(arguments.toArray(String[]::new));
      assertThat(ran.status()).as(ran.err()).isZero();
      LockProbe.Seen seen = probe.end();
      assertThat(seen.tries()).isGreaterThan(1);
      assertThat(seen.taken()).isZero();
    }
  }
}
