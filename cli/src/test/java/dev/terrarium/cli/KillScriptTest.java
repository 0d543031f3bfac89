package dev.terrarium.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The founding documents' name for `orphans kill`.
final class KillScriptTest {
  @TempDir Path base;

  private Checkout checkout;
  private Path script;

  @BeforeEach
  void layOut() throws IOException {
    checkout = new Checkout(base).built();
    checkout.jdk(checkout.folderOfJdks().resolve("25"), "25");
    script = checkout.root().resolve("scripts/kill_python.sh");
    Checkout.script(script, Files.readString(Path.of("../scripts/kill_python.sh")));
  }

  @Test
  void isTheCommandWithAllItsOptionsFromAnywhere() {
    assertIsTheCommand(script);
  }

  @Test
  void worksThroughSymbolicLinks() throws IOException {
    Path first = Files.createSymbolicLink(base.resolve("first"), base.relativize(script));
    assertIsTheCommand(Files.createSymbolicLink(base.resolve("second"), first));
  }

  private void assertIsTheCommand(Path called) {
    Ran ran = checkout.run(called, "--dry-run", "--grace", "1s");
    assertThat(ran.status()).as(ran.err()).isEqualTo(7); // what its java exits with
    assertThat(ran.lines()).endsWith("orphans", "kill", "--dry-run", "--grace", "1s");
  }
}
