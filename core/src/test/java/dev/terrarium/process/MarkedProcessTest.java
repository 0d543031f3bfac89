package dev.terrarium.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.terrarium.testkit.Jvm;
import dev.terrarium.testkit.Procs;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// A child of the JVM that cannot get away, whatever becomes of its start.
@Timeout(60)
final class MarkedProcessTest {
  private static final Duration PATIENCE = Duration.ofSeconds(20);
  private final Birthmark.Mark mark =
      new Birthmark.Mark(Birthmark.choose().chosen().orElseThrow().run(), 7);

  @Test
  void bearsItsMarkWithAllThatItStartsAndEndsWithItsLifeline() throws Exception {
    MarkedProcess process = sh("sleep 1000 & echo ready; wait");
    try {
      assertThat(process.read(said -> said.length > 0, PATIENCE)).isPresent();
      assertThat(ProcFs.stat(process.pid()).orElseThrow().group()).isEqualTo(process.pid());
      assertThat(Procs.marked(mark.run())).hasSize(2);
      assertThat(Birthmark.of(process.pid())).contains(mark);
      process.cut();
      assertThat(process.waitFor()).isEqualTo(128 + Signal.KILL.number());
      await().atMost(PATIENCE).until(() -> Procs.marked(mark.run()).isEmpty());
    } finally {
      process.close();
    }
  }

  @Test
  void saysHowItEnded() throws Exception {
    MarkedProcess process = sh("echo said; exit 3");
    try {
      byte[] said = process.read(_ -> false, PATIENCE).orElseThrow();
      assertThat(new String(said, StandardCharsets.UTF_8)).isEqualTo("said\n");
      assertThat(process.waitFor()).isEqualTo(3);
    } finally {
      process.close();
    }
  }

  /// The thread that waited for a warden ended when there was no memory to close a descriptor with,
  /// and nobody heard that the warden was dead: the pool never had a worker again.
  @Test
  void itsEndIsHeardOfThoughTheHeapIsFull() {
    try (Jvm program = Jvm.start(ChildOfAFullHeap.class, Map.of(), List.of("-Xmx24m"))) {
      assertThat(program.awaitExit()).isZero();
      assertThat(program.lines()).contains("full: true", "ended: true", "status: 0");
    }
  }

  /// A start that failed half-way waited for ever for a child that stood at its gate: it was told
  /// neither to go nor that there was nobody any more.
  @Test
  void aStartThatFailsHalfWayLeavesNobodyAtTheGate(@TempDir Path directory) {
    assertThatThrownBy(() -> MarkedProcess.start(List.of("true"), Optional.of(mark), directory))
        .isInstanceOf(IOException.class);
    var impossible =
        new Birthmark.Mark(mark.run(), mark.run() + 5); // a soft limit above the hard one
    assertThatThrownBy(() -> MarkedProcess.start(List.of("true"), Optional.of(impossible)))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("takes no mark");
  }

  private MarkedProcess sh(String script) throws IOException {
    return MarkedProcess.start(List.of("/bin/sh", "-c", script), Optional.of(mark));
  }
}
