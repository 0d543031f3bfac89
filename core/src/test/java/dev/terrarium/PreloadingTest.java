package dev.terrarium;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
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
            "dev.terrarium.call.Outcome$Failure")
        .noneMatch(name -> name.matches("[^$]*Test(\\$.*)?") || name.endsWith("-info"));
  }

  /// What an error says was put together by a call site that was linked when it was first run, in a
  /// full heap: that failed, and so did each later error of this kind (`BootstrapMethodError`); of
  /// a thousand callers, a hundred never had an outcome.
  @Test
  void noClassLinksItsStringsWhenTheyAreFirstPutTogether() throws IOException {
    for (String name : Preloading.names()) {
      String file = "/" + name.replace('.', '/') + ".class";
      try (InputStream in = PreloadingTest.class.getResourceAsStream(file)) {
        assertThat(new String(requireNonNull(in).readAllBytes(), ISO_8859_1))
            .as(name)
            .doesNotContain("makeConcatWithConstants");
      }
    }
  }
}
