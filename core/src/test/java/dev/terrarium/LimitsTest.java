package dev.terrarium;

import static dev.terrarium.Trouble.failure;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.terrarium.StartFailedException.Reason;
import dev.terrarium.registry.WorkerRow;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// Limits of a process, as a worker meets them: forked, and started by exec.
@Timeout(120)
final class LimitsTest {
  private static final String ADAPTER =
      """
      import os, resource, signal, subprocess
      from terrarium import tool

      @tool
      def pid():
          return os.getpid()

      @tool
      def limit(name):
          return resource.getrlimit(getattr(resource, name))

      @tool
      def allocate(count):
          return len(bytearray(count))

      @tool
      def open_many(count):
          opened = []
          try:
              for _ in range(count):
                  opened.append(os.open("/dev/null", os.O_RDONLY))
          finally:
              for descriptor in opened:
                  os.close(descriptor)

      @tool
      def limit_of_child(name):
          code = f"import resource; print(resource.getrlimit(resource.{name})[0])"
          return int(subprocess.check_output(["python3", "-c", code]))

      @tool
      def start_many(count):
          started = []
          try:
              for _ in range(count):
                  started.append(subprocess.Popen(["sleep", "1000"]))
          finally:
              for child in started:
                  child.kill()
                  child.wait()

      @tool
      def spin():
          while True:
              pass

      @tool
      def spin_on():
          signal.signal(signal.SIGXCPU, signal.SIG_IGN)
          spin()
      """;

  private static final ResourceLimits NONE = ResourceLimits.none();

  @TempDir private Path directory;

  private Pool start(Start start, ResourceLimits limits) {
    return Trouble.pool(directory, ADAPTER).name("held").start(start).limits(limits).start();
  }

  private static long[] limit(Pool pool, String name) {
    return requireNonNull(pool.tool("limit").args(name).call(long[].class));
  }

  @ParameterizedTest
  @EnumSource
  void whoNeedsMoreAddressSpaceGetsAMemoryError(Start start) {
    try (Pool pool = start(start, NONE.withAddressSpace(2L << 30))) {
      long pid = requireNonNull(pool.tool("pid").call(Long.class));
      ToolException error =
          failure(ToolException.class, () -> pool.tool("allocate").args(3L << 30).call(Long.class));
      assertThat(error.python().type()).isEqualTo("MemoryError");
      assertThat(pool.tool("allocate").args(1 << 20).call(Long.class)).isEqualTo(1 << 20);
      assertThat(pool.tool("pid").call(Long.class)).isEqualTo(pid);
    }
  }

  @ParameterizedTest
  @EnumSource
  void whoOpensMoreFilesGetsAnError(Start start) {
    try (Pool pool = start(start, NONE.withOpenFiles(256))) {
      ToolException error =
          failure(ToolException.class, () -> pool.tool("open_many").args(300).call(Object.class));
      assertThat(error).hasMessageContaining("Too many open files");
      assertThat(limit(pool, "RLIMIT_NOFILE")).containsExactly(256, 256);
      assertThat(pool.tool("limit_of_child").args("RLIMIT_NOFILE").call(Integer.class))
          .isEqualTo(256);
    }
  }

  @ParameterizedTest
  @EnumSource
  void whoUsesUpItsCpuTimeDiesOfItAndIsReplaced(Start start) {
    try (Pool pool = start(start, NONE.withCpuTime(Duration.ofMillis(900)))) {
      WorkerDiedException error =
          failure(WorkerDiedException.class, () -> pool.tool("spin").call(Object.class));
      assertThat(error.exit()).isEqualTo(new Exit.Signal(24));
      assertThat(error).hasMessageContaining("killed by SIGXCPU (its cpuTime of 1 s is used up)");
      assertThat(pool.tool("pid").call(Long.class)).isPositive();
      assertThat(pool.stats().restarts()).isEqualTo(1);
    }
  }

  @ParameterizedTest
  @EnumSource
  void whoIgnoresThatIsKilledASecondLater(Start start) {
    try (Pool pool = start(start, NONE.withCpuTime(Duration.ofSeconds(1)))) {
      WorkerDiedException error =
          failure(WorkerDiedException.class, () -> pool.tool("spin_on").call(Object.class));
      assertThat(error).hasMessageContaining("killed by SIGKILL (its cpuTime of 1 s is used up)");
    }
  }

  @ParameterizedTest
  @EnumSource
  void whoStartsMoreProcessesThanItsUserMayGetsAnError(Start start) {
    assumeTrue(!isRoot(), "RLIMIT_NPROC does not bind root; Python's tests see to that");
    try (Pool pool = start(start, NONE.withProcesses(20_000))) {
      assertThat(limit(pool, "RLIMIT_NPROC")).containsExactly(20_000, 20_000);
    }
  }

  @ParameterizedTest
  @EnumSource
  void whatDoesNotBindRootIsRefusedToRoot(Start start) {
    assumeTrue(isRoot(), "this user is bound by RLIMIT_NPROC");
    StartFailedException refusal =
        failure(StartFailedException.class, () -> start(start, NONE.withProcesses(100)));
    assertThat(refusal.reason()).isEqualTo(Reason.CONTAINMENT);
    assertThat(refusal)
        .hasMessageContaining("processes: RLIMIT_NPROC does not bind root")
        .hasMessageContaining("run the JVM as another user, or ask for isolation(CGROUP)");
  }

  private static boolean isRoot() {
    return System.getProperty("user.name").equals("root");
  }

  @ParameterizedTest
  @EnumSource
  void aLimitAboveTheHardOneIsRefused(Start start) {
    StartFailedException refusal =
        failure(
            StartFailedException.class, () -> start(start, NONE.withOpenFiles(Integer.MAX_VALUE)));
    assertThat(refusal.reason()).isEqualTo(Reason.CONTAINMENT);
    assertThat(refusal)
        .hasMessageContaining("openFiles of 2147483647 is above the hard limit of RLIMIT_NOFILE")
        .hasMessageContaining("LimitNOFILE= in systemd");
  }

  @Test
  void aWorkerThatCannotEvenStartSaysSo() {
    StartFailedException refusal =
        failure(
            StartFailedException.class, () -> start(Start.EXEC, NONE.withAddressSpace(1 << 20)));
    assertThat(refusal).hasMessageContaining("did not start");
  }

  @Test
  void theZygoteItselfIsNotHeld() throws IOException {
    try (Pool pool = start(Start.ZYGOTE, NONE.withOpenFiles(256))) {
      long zygote =
          pool.runtime().listAllWorkers().stream()
              .filter(WorkerRow::isZygote)
              .flatMap(row -> row.process().stream())
              .findFirst()
              .orElseThrow()
              .pid();
      assertThat(Files.readString(Path.of("/proc/%d/limits".formatted(zygote))))
          .containsPattern("Max open files +\\d+ +\\d{4,}");
      assertThat(limit(pool, "RLIMIT_NOFILE")).containsExactly(256, 256);
    }
  }
}
