package dev.terrarium;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// The byte code of the unpacked Python files: a start's own imports are most of its time.
@Timeout(90)
final class ByteCodeTest {
  @TempDir Path home;

  @Test
  void isKeptByTheFirstStartAndUsedByTheSecondWhateverTheEnvironmentSays() throws IOException {
    start();
    Map<String, FileTime> kept = byteCode();
    assertThat(kept.keySet())
        .anyMatch(name -> name.startsWith("_warden."))
        .anyMatch(name -> name.startsWith("_worker."))
        .anyMatch(name -> name.startsWith("_loop."));
    start();
    assertThat(byteCode()).containsExactlyEntriesOf(kept);
  }

  private void start() {
    try (Terrarium runtime = Endings.runtime(home);
        Pool pool =
            Endings.pool(runtime).environment("PYTHONDONTWRITEBYTECODE", "1").size(2).start()) {
      assertThat(pool.tool("echo").args(1).call(Integer.class)).isEqualTo(1);
    }
  }

  private Map<String, FileTime> byteCode() throws IOException {
    Map<String, FileTime> times = new TreeMap<>();
    try (Stream<Path> files = Files.walk(home.resolve("python"))) {
      for (Path file : files.filter(path -> path.toString().endsWith(".pyc")).toList()) {
        times.put(file.getFileName().toString(), Files.getLastModifiedTime(file));
      }
    }
    return times;
  }
}
