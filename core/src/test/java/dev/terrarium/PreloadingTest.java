package dev.terrarium;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import org.junit.jupiter.api.Test;

final class PreloadingTest {
  @Test
  void theClassesOfAllErrorsAreAmongThoseThatAreLoadedBeforehand() throws IOException {
    assertThat(Preloading.names())
        .hasSizeGreaterThan(200)
        .contains(
            DeadlineExceededException.class.getName(),
            WorkerDiedException.class.getName(),
            "dev.terrarium.wire.ProtocolException",
            "dev.terrarium.worker.Call$Outcome$Failure")
        .noneMatch(name -> name.contains("Test") || name.endsWith("-info"));
  }
}
