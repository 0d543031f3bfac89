package dev.terrarium;

import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.process.RunId;
import org.junit.jupiter.api.Test;

final class SmokeTest {
  @Test
  void builds() {
    assertThat(new RunId("x").value()).isEqualTo("x");
  }
}
