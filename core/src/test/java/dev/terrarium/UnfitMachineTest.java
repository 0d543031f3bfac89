package dev.terrarium;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.terrarium.testkit.Child;
import dev.terrarium.testkit.Jvm;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Machines on which the guarantee would not hold: nothing is started there, and it is said why.
final class UnfitMachineTest {
  @TempDir private Path home;

  /// Starts a runtime, or says why not.
  static final class Main {
    private Main() {}

    public static void main(String[] arguments) {
      Config config = Config.defaults().withHome(Path.of(arguments[0]));
      try (Terrarium _ = Terrarium.start(config)) {
        System.out.println("answer started");
      } catch (StartFailedException e) {
        System.out.println("answer " + e.reason() + " " + e.getMessage());
      }
    }
  }

  private String answer(List<String> launcher) {
    try (Jvm jvm = Jvm.behind(launcher, Main.class, Map.of(), home.resolve("state").toString())) {
      String answer = jvm.awaitLine("answer ");
      jvm.awaitExit();
      return answer;
    }
  }

  private static List<String> unshare(String... options) {
    var command = new ArrayList<>(List.of("unshare", "--pid", "--fork", "--kill-child"));
    if (!System.getProperty("user.name").equals("root")) {
      command.add("--map-root-user");
    }
    command.addAll(List.of(options));
    var attempt = new ArrayList<>(command);
    attempt.add("true");
    try (Child child = Child.start(attempt)) {
      assumeTrue(child.awaitExit() == 0, "needs PID namespaces");
    }
    return command;
  }

  /// Its `/proc` shows others under the numbers of ours: a JVM that was killed left its warden
  /// behind, and a stranger was killed as "child".
  @Test
  void aProcOfAnotherPidNamespaceIsRefusedBeforeAnythingIsStarted() {
    assertThat(answer(unshare()))
        .startsWith("PLATFORM /proc belongs to another PID namespace")
        .contains("--mount-proc");
    assertThat(home.resolve("state")).doesNotExist();
  }

  @Test
  void aPidNamespaceWithAProcOfItsOwnWillDo() {
    assertThat(answer(unshare("--mount-proc"))).isEqualTo("started");
  }

  /// It said "Invalid argument", after a zygote had been tried three times.
  @Test
  void aLowLimitOfOpenFilesIsNamedWithWhatIsNeeded() {
    assertThat(answer(List.of("sh", "-c", "ulimit -n 100; exec \"$@\"", "sh")))
        .startsWith("PLATFORM the limit of open files (RLIMIT_NOFILE) is 100")
        .contains("256", "ulimit -n 65536");
    assertThat(home.resolve("state")).doesNotExist();
  }
}
