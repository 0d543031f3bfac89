package dev.terrarium.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.testkit.Child;
import dev.terrarium.testkit.Procs;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// `orphans kill` with a real terminal at its standard input, and its answer in a file: it is asked
/// where the question can be seen, whatever kind of terminal that is, and nobody is waited for
/// where it cannot.
@Timeout(120)
final class OrphansTerminalTest {
  @TempDir Path base;

  /// @param questions `seen` or `unseen`: whether standard error is the terminal too
  private Ran kill(String questions, String answer, String... arguments) {
    List<String> command = new ArrayList<>(List.of("python3"));
    command.addAll(List.of("src/test/resources/terminal.py", questions, answer));
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("--enable-native-access=ALL-UNNAMED", "-XX:TieredStopAtLevel=1"));
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName()));
    command.addAll(List.of("orphans", "kill", "--home", base.toString()));
    command.addAll(List.of(arguments));
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().put("TERM", "dumb");
    return Ran.process(builder);
  }

  @Test
  void isAskedWhereTheQuestionIsSeenAndLeavesAllAloneForANo() {
    try (TestHost host = TestHost.start(base, 1)) {
      List<Long> orphans = host.escape();
      Ran ran = kill("seen", "no");
      assertThat(ran.status()).as(ran.err()).isZero();
      assertThat(ran.err()).contains("End 1 process of dead runs? Type yes to end it: no");
      assertThat(ran.out()).contains("Found: 1, Terminated: 0, Errors: 0");
      assertThat(orphans).allMatch(Procs::alive);
    }
  }

  @Test
  void endsThemForATypedYes() {
    try (TestHost host = TestHost.start(base, 1)) {
      List<Long> orphans = host.escape();
      Ran ran = kill("seen", "yes");
      assertThat(ran.status()).as(ran.err()).isZero();
      assertThat(ran.out()).contains("Found: 1, Terminated: 1, Errors: 0");
      assertThat(orphans).noneMatch(Procs::alive);
    }
  }

  @Test
  void isRefusedWhereTheQuestionIsNotSeen() {
    try (TestHost host = TestHost.start(base, 1)) {
      List<Long> orphans = host.escape();
      Ran ran = kill("unseen", "yes");
      assertThat(ran.status()).isEqualTo(2);
      assertThat(ran.out()).isEmpty();
      assertThat(ran.talk())
          .containsExactly("terrarium: nobody can be asked here; --yes ends them");
      assertThat(orphans).allMatch(Procs::alive);
    }
  }

  /// Which `--yes` says nothing about.
  @Test
  void waitsForNobodyAboutSuspectsWhereTheQuestionIsNotSeen() {
    try (TestHost host = TestHost.start(base, 1);
        Child suspect = OrphansCommandTest.suspect()) {
      List<Long> orphans = host.escape();
      Ran ran = kill("unseen", "yes", "--yes");
      assertThat(ran.status()).as(ran.err()).isZero();
      assertThat(ran.err()).contains("(no answer)");
      assertThat(orphans).noneMatch(Procs::alive);
      assertThat(suspect.alive()).isTrue();
    }
  }
}
