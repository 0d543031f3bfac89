package dev.terrarium.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.terrarium.testkit.Child;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class ProcFsTest {
  @Test
  void readsANameMadeToMislead(@TempDir Path directory) throws IOException {
    Path program = Files.copy(Path.of("/bin/sleep"), directory.resolve("a) Z 1\n(b"));
    try (Child child = Child.start(program.toString(), "1000")) {
      await().until(() -> ProcFs.stat(child.pid()).orElseThrow().comm().equals("a) Z 1\n(b"));
      ProcStat stat = ProcFs.stat(child.pid()).orElseThrow();
      assertThat(stat.parent()).isEqualTo(ProcFs.ownPid());
      assertThat(stat.dead()).isFalse();
    }
  }

  @Test
  void readsWhoAndWhereAProcessIs() {
    try (Child child = Child.start("setsid", "sleep", "1000")) {
      await().until(() -> ProcFs.stat(child.pid()).orElseThrow().session() == child.pid());
      ProcStat stat = ProcFs.stat(child.pid()).orElseThrow();
      assertThat(stat.group()).isEqualTo(child.pid());
      assertThat(ProcFs.uid(child.pid())).hasValue(ProcFs.ownUid());
      await()
          .untilAsserted(
              () -> assertThat(ProcFs.commandLine(child.pid())).containsExactly("sleep", "1000"));
      assertThat(ProcFs.pids()).contains(child.pid(), ProcFs.ownPid());
    }
  }

  @Test
  void keepsEmptyArguments() {
    try (Child child = Child.start("sh", "-c", "kill -STOP $$; :", "", "")) {
      await()
          .untilAsserted(
              () ->
                  assertThat(ProcFs.commandLine(child.pid()))
                      .containsExactly("sh", "-c", "kill -STOP $$; :", "", ""));
    }
  }

  @Test
  void isEmptyForWhoIsGone() {
    long nobody = 1L << 30;
    assertThat(ProcFs.stat(nobody)).isEmpty();
    assertThat(ProcFs.uid(nobody)).isEmpty();
    assertThat(ProcFs.commandLine(nobody)).isEmpty();
    assertThat(ProcStat.parse("")).isEmpty();
    assertThat(ProcStat.parse("1 (x) S 1")).isEmpty();
  }

  @Test
  void knowsItsNamespace() {
    assertThat(ProcFs.pidNamespace()).matches("pid:\\[\\d+]");
  }

  /// The number alone may be the same in both namespaces by chance.
  @Test
  void tellsAProcOfAnotherPidNamespace() {
    assertThat(ProcFs.objection()).isEmpty();
    assertThat(ProcFs.objection(Optional.of("7"), List.of("7"), 7)).isEmpty();
    assertThat(ProcFs.objection(Optional.of("7"), List.of(), 7)).isEmpty();
    assertThat(ProcFs.objection(Optional.of("3996"), List.of("3996", "7"), 7))
        .hasValueSatisfying(why -> assertThat(why).contains("3996", "--mount-proc"));
    assertThat(ProcFs.objection(Optional.of("7"), List.of("7", "7"), 7)).isPresent();
    assertThat(ProcFs.objection(Optional.empty(), List.of(), 7)).isPresent();
  }
}
