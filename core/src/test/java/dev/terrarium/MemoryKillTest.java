package dev.terrarium;

import static dev.terrarium.Trouble.failure;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.terrarium.testkit.Jvm;
import dev.terrarium.testkit.Signals;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// A worker that the kernel has killed because there was no memory left. What its counts prove is
/// tested in Python (`test_warden_memory.py`); here it does it, and the caller is told.
@Timeout(120)
final class MemoryKillTest {
  private static final String LIMIT = Integer.toString(512 << 20);

  /// Where such a limit may be set: version 1, or version 2.
  private static final List<Hierarchy> HIERARCHIES =
      List.of(
          new Hierarchy("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.oom_control"),
          new Hierarchy("/sys/fs/cgroup", "memory.max", "memory.events"));

  private record Hierarchy(String root, String limit, String events) {
    Optional<Path> make(String name) {
      Path cgroup = Path.of(root, name);
      try {
        Files.createDirectory(cgroup);
      } catch (IOException e) {
        return Optional.empty();
      }
      try {
        Files.writeString(cgroup.resolve(limit), LIMIT);
        return Optional.of(cgroup);
      } catch (IOException e) {
        boolean _ = cgroup.toFile().delete();
        return Optional.empty();
      }
    }
  }

  @TempDir private Path home;

  /// A host in a cgroup of its own, with all that it starts.
  static final class Host {
    private static final String HUNGRY =
        """
        from terrarium import tool

        @tool
        def allocate(count: int):
            return len(b"x" * count)
        """;

    public static void main(String[] arguments) throws IOException {
      Path home = Path.of(arguments[0]);
      Files.writeString(Path.of(arguments[1]), Long.toString(ProcessHandle.current().pid()));
      try (Terrarium runtime = Endings.runtime(home.resolve("state"));
          Pool pool = Trouble.pool(home, HUNGRY).runtime(runtime).start()) {
        WorkerDiedException death =
            failure(
                WorkerDiedException.class,
                () -> pool.tool("allocate").args(1 << 30).call(Object.class));
        System.out.println(
            "said " + String.valueOf(death.getMessage()).lines().findFirst().orElseThrow());
      }
    }
  }

  @Test
  void theCallerIsToldThatTheKernelDidItAndWhatHelps() throws IOException {
    String name = "terrarium-test-" + ProcessHandle.current().pid();
    for (Hierarchy hierarchy : HIERARCHIES) {
      Optional<Path> made = hierarchy.make(name);
      if (made.isPresent()) {
        Path cgroup = made.get();
        try (Jvm host =
            Jvm.start(Host.class, home.toString(), cgroup.resolve("cgroup.procs").toString())) {
          assertThat(host.awaitLine("said "))
              .contains(
                  "died in a call of 'allocate': killed by SIGKILL (killed by the kernel for"
                      + " memory: ")
              .contains("oom_kill in %s/%s rose by 1".formatted(cgroup, hierarchy.events()))
              .containsPattern("its peak was [0-9.]+ [MG]iB resident")
              .contains("the limit is 512 MiB (%s/%s)".formatted(cgroup, hierarchy.limit()))
              .contains("raise that limit", "have fewer workers");
          assertThat(host.awaitExit()).isZero();
        } finally {
          Endings.soon().until(() -> cgroup.toFile().delete());
        }
        return;
      }
    }
    assumeTrue(false, "needs a cgroup with the controller memory that this user can write");
  }

  @Test
  void aSigkillThatSomebodyElseSendsIsNotTakenForThat() {
    try (Terrarium runtime = Endings.runtime(home);
        Pool pool = Endings.pool(runtime).size(1).start()) {
      Path started = home.resolve("started");
      var call = pool.tool("sleep").args(1000, started.toString()).callAsync(Object.class);
      Endings.awaitFile(started);
      Signals.kill(Endings.proc(Endings.pids(pool).getFirst()));
      WorkerDiedException death = failure(WorkerDiedException.class, call);
      assertThat(death)
          .hasMessageContaining("killed by SIGKILL (")
          .hasMessageContaining("its peak was ")
          .message()
          .doesNotContain("(killed by the kernel");
    }
  }
}
