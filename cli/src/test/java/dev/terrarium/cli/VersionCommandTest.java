package dev.terrarium.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

final class VersionCommandTest {
  @Test
  void saysWhatThisIsAndWhatRunsIt() {
    Ran ran = Ran.command("version");
    assertThat(ran.status()).isZero();
    assertThat(ran.lines())
        .singleElement()
        .asString()
        .matches("terrarium \\d+\\.\\d+\\.\\d+(-SNAPSHOT)? \\(Java 25.*\\)");
  }

  @Test
  void saysItToPrograms() {
    var json = Json.tree(Ran.command("version", "--json").out());
    assertThat(json.propertyNames()).containsExactly("version", "java", "java_home");
    assertThat(json.path("java_home").asString()).isEqualTo(System.getProperty("java.home"));
  }
}
