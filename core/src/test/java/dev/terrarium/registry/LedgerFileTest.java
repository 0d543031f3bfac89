package dev.terrarium.registry;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.terrarium.testkit.Child;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class LedgerFileTest {
  private static final byte[] LINE = ("x".repeat(999) + "\n").getBytes(US_ASCII);

  @TempDir Path directory = Path.of("");

  @Test
  void takesBackTheHalfLineThatAFullDiskLeaves() throws IOException {
    Path path = directory.resolve("ledger");
    try (var file = new LedgerFile(path)) {
      file.append(LINE);
      limitFiles("1500"); // what a full disk does: some of a write fits, the rest does not
      try {
        assertThatThrownBy(() -> file.append(LINE)).isInstanceOf(IOException.class);
      } finally {
        limitFiles("unlimited");
      }
      assertThat(Files.readAllBytes(path)).isEqualTo(LINE);
      file.append(LINE);
      assertThat(Files.size(path)).isEqualTo(2L * LINE.length).isEqualTo(file.bytes());
    }
  }

  /// The soft limit of this very JVM, which may be raised again.
  private static void limitFiles(String bytes) {
    String self = Long.toString(ProcessHandle.current().pid());
    try (Child prlimit = Child.start("prlimit", "--pid", self, "--fsize=" + bytes + ":")) {
      assertThat(prlimit.awaitExit()).isZero();
    }
  }
}
