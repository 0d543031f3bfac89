package dev.terrarium.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class FileAuditLogTest {
  @TempDir Path directory = Path.of("");

  @Test
  void writesOneLineForEachSignal() throws IOException {
    AuditLog log = AuditLog.in(directory);
    log.write(entry("first"));
    log.write(entry("second\n\"quoted\""));
    assertThat(Files.readAllLines(directory.resolve("audit.jsonl")))
        .containsExactly(line("first"), line("second\\n\\\"quoted\\\""));
  }

  @Test
  void isNotStoppedByAPendingInterrupt() throws IOException {
    AuditLog log = AuditLog.in(directory);
    Thread.currentThread().interrupt();
    log.write(entry("first"));
    log.write(entry("second"));
    assertThat(Thread.interrupted()).isTrue();
    assertThat(Files.readAllLines(directory.resolve("audit.jsonl"))).hasSize(2);
  }

  @Test
  void keepsOnePredecessorAndGrowsNoFurther() throws IOException {
    AuditLog log = AuditLog.in(directory);
    String why = "x".repeat(100_000);
    for (int i = 0; i < 40; i++) {
      log.write(entry(why));
    }
    try (var files = Files.list(directory)) {
      assertThat(files)
          .hasSize(2)
          .allMatch(file -> file.toFile().length() < FileAuditLog.BYTES_MAX + 200_000);
    }
  }

  @Test
  void doesNotThrowWhereItCannotWrite() {
    AuditLog log = AuditLog.in(directory.resolve("missing"));
    assertThatCode(() -> log.write(entry("x"))).doesNotThrowAnyException();
  }

  private static AuditLog.Entry entry(String why) {
    return new AuditLog.Entry(Instant.EPOCH, "jvm 1", why, 7, 8, "identity", Signal.KILL, "sent");
  }

  private static String line(String why) {
    return """
    {"time":"1970-01-01T00:00:00Z","by":"jvm 1","why":"%s","pid":7,"ticks":8,"proof":"identity",\
    "signal":"SIGKILL","outcome":"sent"}\
    """
        .formatted(why);
  }
}
