package dev.terrarium.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Where `/proc` is another PID namespace's nobody can be told from anybody: `doctor` said OK
/// there, and what a command ended was somebody else.
@Timeout(120)
final class ForeignProcTest {
  @TempDir Path home;

  @BeforeEach
  void needsPidNamespaces() {
    assumeTrue(
        System.getProperty("user.name").equals("root") && run(List.of("true")).status() == 0,
        "needs PID namespaces");
  }

  private static Ran run(List<String> command) {
    var all = new ArrayList<>(List.of("unshare", "--pid", "--fork", "--kill-child"));
    all.addAll(command);
    return Ran.process(new ProcessBuilder(all));
  }

  private Ran command(String... arguments) {
    var all = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin/java") + ""));
    all.addAll(List.of("--enable-native-access=ALL-UNNAMED", "-XX:TieredStopAtLevel=1"));
    all.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName()));
    all.addAll(Arrays.asList(arguments));
    all.addAll(List.of("--home", home.resolve("state").toString()));
    return run(all);
  }

  @Test
  void theDoctorSaysSo() {
    Ran ran = command("doctor", "--json");
    assertThat(ran.status()).isEqualTo(ExitStatus.ENVIRONMENT_NOT_FIT);
    assertThat(ran.out())
        .contains("\"fit\":false", "/proc belongs to another PID namespace", "--mount-proc");
  }

  @ParameterizedTest
  @ValueSource(strings = {"status", "orphans list", "orphans kill --yes"})
  void commandsThatLookRefuse(String command) {
    Ran ran = command(command.split(" ", -1));
    assertThat(ran.status()).isEqualTo(ExitStatus.ENVIRONMENT_NOT_FIT);
    assertThat(ran.err()).contains("/proc belongs to another PID namespace", "--mount-proc");
    assertThat(home.resolve("state")).doesNotExist();
  }
}
