package dev.terrarium.process;

import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.testkit.Child;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// A chain whose links each fork the next and die lives, and no look at all processes sees it:
/// whoever stands in the list is dead by the time that his limits are read. It slipped through a
/// sweep, which then reported a run as cleaned up and took its directory away.
///
/// What tells of it here is a lock that each link inherits.
@Timeout(60)
final class ChainSweepTest {
  private static final Duration TIMEOUT = Duration.ofSeconds(10);
  private static final String CHAIN =
      """
      import fcntl, os, sys
      lock = os.open(sys.argv[1], os.O_RDWR)
      fcntl.flock(lock, fcntl.LOCK_EX)
      while os.fork() == 0 and os.path.exists(sys.argv[1]):
          os.setsid()
      """;

  @TempDir Path folder;

  private final ProcessKiller killer = new ProcessKiller(_ -> {});
  private final Birthmark mark = Birthmark.choose().chosen().orElseThrow();

  @RepeatedTest(20)
  void noChainSlipsThroughASweep() throws IOException {
    Path lock = Files.createFile(folder.resolve("chain"));
    String[] chain = {"python3", "-I", "-S", "-c", CHAIN, lock.toString()};
    try (Child first = Child.marked(mark.run(), 3, chain)) {
      Awaitility.await().until(() -> !first.alive());
      assertThat(isHeld(lock)).isTrue();
      SweepReport report = killer.sweep(mark, "test", TIMEOUT);
      assertThat(report.clear()).isTrue();
      assertThat(isHeld(lock)).isFalse();
    } finally {
      Files.delete(lock); // which ends a chain that nobody else has ended
    }
  }

  private static boolean isHeld(Path file) throws IOException {
    Optional<Flock> lock = Flock.existing(file);
    lock.ifPresent(Flock::close);
    return lock.isEmpty();
  }
}
