package dev.terrarium;

import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.ScarceMemory.Without;
import dev.terrarium.testkit.Jvm;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// JVMs that have nothing left to open or map a result with: that costs the call, and neither its
/// worker nor the worker's memory.
@Timeout(90)
final class ScarceMemoryTest {
  @TempDir private Path home;

  @Test
  void aJvmWithoutDescriptorsLosesTheResultAndSaysWhichLimitItWas() {
    assertFailsAlone(
        List.of("prlimit", "--nofile=400"),
        Without.DESCRIPTORS,
        "this JVM has no file descriptor left (ulimit -n); raise that limit");
  }

  @Test
  void aJvmWithoutAddressSpaceLosesTheResultAndSaysWhichLimitItWas() {
    assertFailsAlone(
        List.of(), Without.SPACE, "cannot be mapped: this JVM has no room left for it (ulimit -v");
  }

  private void assertFailsAlone(List<String> launcher, Without scarce, String why) {
    var environment = Map.of("TERRARIUM_HOME", home.toString());
    try (Jvm program = Jvm.behind(launcher, ScarceMemory.class, environment, scarce.name())) {
      assertThat(program.awaitExit()).as(() -> String.join("\n", program.lines())).isZero();
      assertThat(program.awaitLine("failed: "))
          .startsWith("ValueException: result: ")
          .contains(why);
      assertThat(program.lines())
          .contains("then: whole true whole true")
          .contains("restarts: 0")
          // Had the lost one not been given back, the next would have needed another.
          .contains("worker's files: 1")
          .contains("left: 0");
    }
  }
}
