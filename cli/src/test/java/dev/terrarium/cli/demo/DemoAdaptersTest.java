package dev.terrarium.cli.demo;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Without a checkout the adapters come out of the jar.
final class DemoAdaptersTest {
  @ParameterizedTest
  @ValueSource(strings = {"modulestats.py", "busy.py"})
  void areUnpackedAsTheyAre(String name) throws IOException {
    try (DemoAdapters adapters = new DemoAdapters()) {
      assertThat(adapters.find(name))
          .hasSameTextualContentAs(Path.of("../examples/adapters", name));
    }
  }

  @Test
  void areTakenAwayAgain() throws IOException {
    Path folder;
    try (DemoAdapters adapters = new DemoAdapters()) {
      folder = requireNonNull(adapters.find("modulestats.py").getParent());
      assertThat(adapters.find("busy.py")).hasParent(folder);
      Files.createDirectories(folder.resolve("__pycache__/x"));
    }
    assertThat(folder).doesNotExist();
  }
}
