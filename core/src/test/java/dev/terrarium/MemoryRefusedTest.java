package dev.terrarium;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.terrarium.LargeEcho.Closed;
import dev.terrarium.testkit.Child;
import dev.terrarium.testkit.Jvm;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// Systems on which memory files cannot be made, filled, or opened by others: large values arrive
/// all the same, in frames, and nothing is left. Each in a JVM of its own that the system is as
/// wanted for.
@Timeout(90)
final class MemoryRefusedTest {
  /// Has the kernel refuse `memfd_create` to a command and all below it.
  private static final String WITHOUT_MEMFD =
      """
      import ctypes, os, platform, struct, sys

      number = {"x86_64": 319, "aarch64": 279}[platform.machine()]
      load, jump_if_equal, give = 0x20, 0x15, 0x06  # of the filter's machine
      steps = [(load, 0, 0, 0), (jump_if_equal, 0, 1, number), (give, 0, 0, 0x50001), (give, 0, 0, 0x7FFF0000)]
      code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
      program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code)))
      libc = ctypes.CDLL(None, use_errno=True)
      failed = libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, program)
      if failed:
          sys.exit(f"no filter: {os.strerror(ctypes.get_errno())}")
      if sys.argv[1:]:
          os.execv(sys.argv[1], sys.argv[1:])
      """;

  @TempDir private Path home;

  @Test
  void whereNothingIsRefusedBothSidesLend() {
    assertEchoes(List.of(), Closed.NOBODY, true, true);
  }

  @Test
  void theyNeedNoDevShm() {
    var launcher =
        List.of("unshare", "-rm", "sh", "-c", "mount -t tmpfs -o ro none /dev/shm && exec \"$@\"");
    var command = new ArrayList<>(launcher);
    command.add("sh");
    assumeWorks(command, "no namespace of one's own for mounts");
    assertEchoes(command, Closed.NOBODY, true, true);
  }

  @Test
  void whereTheyCannotBeMadeAllTravelsInFrames() {
    var launcher = List.of("python3", "-c", WITHOUT_MEMFD);
    assumeWorks(launcher, "no filter for system calls");
    assertEchoes(launcher, Closed.NOBODY, false, false);
  }

  @Test
  void whereTheyCannotBeFilledAllTravelsInFrames() {
    assertEchoes(List.of("prlimit", "--fsize=" + (1 << 20)), Closed.NOBODY, false, false);
  }

  @Test
  void whereTheJvmIsShutOffAllTravelsInFrames() {
    assertEchoes(withoutPrivilege(), Closed.JVM, false, false);
  }

  @Test
  void whereTheWorkerIsShutOffItsResultsTravelInFrames() {
    assertEchoes(withoutPrivilege(), Closed.WORKER, true, false);
  }

  /// Root looks into every process, but for one that gave up the right to.
  private static List<String> withoutPrivilege() {
    if (!System.getProperty("user.name").equals("root")) {
      return List.of();
    }
    var command = List.of("setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace");
    assumeWorks(command, "root's rights cannot be given up");
    return command;
  }

  private static void assumeWorks(List<String> launcher, String otherwise) {
    var command = new ArrayList<>(launcher);
    command.add("/bin/true");
    try (Child child = Child.start(command)) {
      assumeThat(child.awaitExit()).as(otherwise).isZero();
    }
  }

  private void assertEchoes(List<String> launcher, Closed closed, boolean jvm, boolean worker) {
    var environment = Map.of("TERRARIUM_HOME", home.toString());
    try (Jvm program = Jvm.behind(launcher, LargeEcho.class, environment, closed.name())) {
      assertThat(program.awaitExit()).as(() -> String.join("\n", program.lines())).isZero();
      assertThat(program.lines())
          .contains("whole: true, restarts: 0")
          .contains("lent by JVM: %s, by worker: %s".formatted(jvm, worker))
          .contains("left: 0");
    }
  }
}
