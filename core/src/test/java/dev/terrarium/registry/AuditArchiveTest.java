package dev.terrarium.registry;

import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.process.AuditLog;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@SuppressWarnings("NullAway.Init") // set before each test
final class AuditArchiveTest {
  @TempDir private Path home;
  private StateDirectory state;
  private Path run;

  @BeforeEach
  void setUp() throws IOException {
    state = StateDirectory.at(home.resolve("state"));
    run = Files.createDirectory(state.runs().resolve("s59m65f"));
  }

  @Test
  void takesTheLinesOfOneRunAfterAnother() throws IOException {
    Files.writeString(run.resolve("audit.jsonl"), "one\n");
    AuditArchive.keep(state, run);
    Files.writeString(run.resolve("audit.jsonl"), "two\n");
    AuditArchive.keep(state, run);
    assertThat(state.path().resolve("audit.jsonl")).hasContent("one\ntwo\n");
  }

  @Test
  void isNotMadeForARunThatSentNoSignal() {
    AuditArchive.keep(state, run);
    assertThat(state.path().resolve("audit.jsonl")).doesNotExist();
  }

  @Test
  void keepsOneOlderFile() throws IOException {
    String lines = "x".repeat(1 << 20) + "\n";
    Files.writeString(run.resolve("audit.jsonl"), lines);
    for (int i = 0; i < 12; i++) {
      AuditArchive.keep(state, run);
    }
    assertThat(Files.size(state.path().resolve("audit.jsonl")))
        .isLessThanOrEqualTo(AuditLog.STATE_BYTES_MAX + lines.length());
    assertThat(Files.size(state.path().resolve("audit.jsonl.1")))
        .isLessThanOrEqualTo(AuditLog.STATE_BYTES_MAX + lines.length());
    assertThat(state.path()).isDirectoryNotContaining("glob:**.2");
  }

  @Test
  void letsTheRunGoWhereItCannotBeWritten() throws IOException {
    Files.writeString(run.resolve("audit.jsonl"), "one\n");
    Files.createDirectory(state.path().resolve("audit.jsonl"));
    AuditArchive.keep(state, run);
    assertThat(run.resolve("audit.jsonl")).exists();
  }
}
