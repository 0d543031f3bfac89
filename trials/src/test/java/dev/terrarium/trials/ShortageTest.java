package dev.terrarium.trials;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

final class ShortageTest {
  private Process host;

  @BeforeEach
  void start() throws IOException {
    host = new ProcessBuilder("sleep", "1000").start();
  }

  @AfterEach
  void end() throws InterruptedException {
    host.destroyForcibly().waitFor();
  }

  private String limit(String name) throws IOException {
    return Files.readAllLines(Path.of("/proc/" + host.pid() + "/limits")).stream()
        .filter(line -> line.startsWith("Max " + name))
        .map(line -> line.substring(name.length() + 4).strip().replaceAll(" .*", ""))
        .findFirst()
        .orElseThrow();
  }

  @Test
  void whatIsTakenIsGivenBack() throws IOException {
    try (var shortage = Shortage.of(host.pid())) {
      String size = limit("file size");
      assertThat(shortage.missing()).doesNotContain(Misfortune.DISK, Misfortune.DESCRIPTORS);
      shortage.begin(Misfortune.DISK);
      shortage.begin(Misfortune.DESCRIPTORS);
      assertThat(limit("file size")).isEqualTo("0");
      assertThat(limit("open files")).isEqualTo("3");
      shortage.end(Misfortune.DISK);
      shortage.end(Misfortune.DESCRIPTORS);
      assertThat(limit("file size")).isEqualTo(size);
      assertThat(Integer.parseInt(limit("open files"))).isGreaterThan(3);
    } finally {
      host.destroyForcibly(); // so that its cgroup can be removed
    }
  }

  @Test
  void aLimitThatDoesNotTakeEffectIsToldWithTheReason() {
    assertThatIllegalStateException()
        .isThrownBy(() -> Shortage.limit(host.pid(), "nofile", "many"))
        .withMessageContaining("--nofile=many")
        .withMessageContaining("failed: prlimit: ");
  }

  @Test
  void aProcessThatIsGoneHasNoLimit() throws InterruptedException {
    host.destroyForcibly().waitFor();
    Shortage.limit(host.pid(), "nofile", "3");
  }
}
