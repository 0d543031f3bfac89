package dev.terrarium.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class FileAuditLogTest {
  @TempDir Path directory = Path.of("");

  @Test
  void writesOneLineForEachSignal() throws IOException {
    AuditLog log = AuditLog.ofRun(directory, "s59m65f");
    log.write(entry("first"));
    log.write(entry("second\n\"quoted\""));
    assertThat(Files.readAllLines(directory.resolve("audit.jsonl")))
        .containsExactly(line("first"), line("second\\n\\\"quoted\\\""));
  }

  @Test
  void isForItsUserAlone() throws IOException {
    AuditLog.ofRun(directory, "s59m65f").write(entry("first"));
    assertThat(Files.getPosixFilePermissions(directory.resolve("audit.jsonl")))
        .isEqualTo(PosixFilePermissions.fromString("rw-------"));
  }

  @Test
  void isNotStoppedByAPendingInterrupt() throws IOException {
    AuditLog log = AuditLog.ofRun(directory, "s59m65f");
    Thread.currentThread().interrupt();
    log.write(entry("first"));
    log.write(entry("second"));
    assertThat(Thread.interrupted()).isTrue();
    assertThat(Files.readAllLines(directory.resolve("audit.jsonl"))).hasSize(2);
  }

  @Test
  void keepsOnePredecessorAndGrowsNoFurther() throws IOException {
    AuditLog log = AuditLog.ofRun(directory, "s59m65f");
    String why = "x".repeat(100_000);
    for (int i = 0; i < 40; i++) {
      log.write(entry(why));
    }
    try (var files = Files.list(directory)) {
      assertThat(files)
          .hasSize(2)
          .allMatch(file -> file.toFile().length() < AuditLog.RUN_BYTES_MAX + 200_000);
    }
  }

  @Test
  void ofTheStateDirectoryIsKeptForAsLongAsWhatRunsHaveLeftThere() throws IOException {
    Path file = directory.resolve("audit.jsonl");
    Files.writeString(file, " ".repeat((int) AuditLog.RUN_BYTES_MAX + 1));
    AuditLog log = AuditLog.ofNoRun(directory, "cli");
    log.write(new AuditLog.Exit(Instant.EPOCH, "cli", 7, 8, "test"));
    assertThat(directory.resolve("audit.jsonl.1")).doesNotExist();
    assertThat(file).content().endsWith("\"how\":\"test\"}\n");
  }

  @Test
  void writesDownADeathThatNobodySentASignalFor() throws IOException {
    AuditLog log = AuditLog.ofRun(directory, "s59m65f");
    log.write(new AuditLog.Exit(Instant.EPOCH, "jvm 1", 7, 8, "it died with its warden"));
    assertThat(Files.readString(directory.resolve("audit.jsonl")))
        .isEqualTo(
            """
            {"time":"1970-01-01T00:00:00.000Z","run":"s59m65f","by":"jvm 1","target":"exit","pid":7,\
            "ticks":8,"how":"it died with its warden"}
            """);
  }

  @Test
  void doesNotThrowWhereItCannotWrite() {
    AuditLog log = AuditLog.ofRun(directory.resolve("missing"), "s59m65f");
    assertThatCode(() -> log.write(entry("x"))).doesNotThrowAnyException();
  }

  private static AuditLog.Entry entry(String why) {
    return new AuditLog.Entry(
        Instant.EPOCH, "jvm 1", "process", why, 7, 8, "identity", Signal.KILL, "sent");
  }

  private static String line(String why) {
    return """
    {"time":"1970-01-01T00:00:00.000Z","run":"s59m65f","by":"jvm 1","target":"process","why":"%s",\
    "pid":7,"ticks":8,"proof":"identity",\
    "signal":"SIGKILL","outcome":"sent"}\
    """
        .formatted(why);
  }
}
