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
    Ran ran = Ran.command("version", "--json");
    var json = Json.tree(ran.out());
    assertThat(json.propertyNames()).containsExactly("version", "java", "java_home");
    assertThat(json.path("java_home").asString()).isEqualTo(System.getProperty("java.home"));
    assertThat(Ran.command("--json", "version")).isEqualTo(ran);
    assertThat(Ran.command("--json", "--version")).isEqualTo(ran);
    assertThat(Ran.command("--version", "--json")).isEqualTo(ran);
  }
}
