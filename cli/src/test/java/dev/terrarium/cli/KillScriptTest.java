package dev.terrarium.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The founding documents' name for `orphans kill`.
final class KillScriptTest {
  @TempDir Path base;

  @Test
  void isTheCommandWithAllItsOptionsFromAnywhere() throws IOException {
    Checkout checkout = new Checkout(base).built();
    checkout.jdk(checkout.folderOfJdks().resolve("25"), "25");
    Path script = checkout.root().resolve("scripts/kill_python.sh");
    Checkout.script(script, Files.readString(Path.of("../scripts/kill_python.sh")));
    Ran ran = checkout.run(script, "--dry-run", "--grace", "1");
    assertThat(ran.status()).as(ran.err()).isEqualTo(7); // what its java exits with
    assertThat(ran.lines()).endsWith("orphans", "kill", "--dry-run", "--grace", "1");
  }
}
