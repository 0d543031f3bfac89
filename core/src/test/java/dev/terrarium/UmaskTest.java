package dev.terrarium;

import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.registry.RunDirectory;
import dev.terrarium.testkit.Jvm;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// Some containers run with the umask 0: whatever a program makes everybody may write then, unless
/// it says otherwise.
@Timeout(90)
final class UmaskTest {
  private static final List<String> WITHOUT_UMASK =
      List.of("sh", "-c", "umask 0; exec \"$@\"", "sh");

  @TempDir Path home;
  @TempDir Path files;

  @Test
  void doesNotSayWhoMayWriteWhatARuntimeMakes() throws IOException {
    Path state = home.resolve("above/state");
    String[] arguments = {state.toString(), files.toString(), "trouble.py", "2", "family"};
    try (Jvm host = Jvm.behind(WITHOUT_UMASK, Victim.class, Map.of(), arguments)) {
      host.awaitLine("answer 1 ");
      Path run = state.resolve("runs").resolve(Endings.runs(state).getFirst());
      List<String> open = new ArrayList<>(open(home.resolve("above")));
      open.addAll(open(RunDirectory.read(run).sockets()));
      assertThat(open).isEmpty();
      assertThat(Endings.names(run))
          .contains("lock", "logs", "run.json", "ledger.jsonl", "warden.log");
    }
    Endings.soon().until(() -> cleanedUp(state));
    assertThat(open(home.resolve("above"))).isEmpty();
  }

  private static boolean cleanedUp(Path state) {
    Endings.runtime(state).close();
    return Endings.runs(state).isEmpty() && Files.exists(state.resolve("audit.jsonl"));
  }

  /// What others may write to. What Python compiles has the mode of its source.
  private static List<String> open(Path root) throws IOException {
    List<String> open = new ArrayList<>();
    try (Stream<Path> all = Files.walk(root)) {
      for (Path each : all.toList()) {
        var permissions = Files.getPosixFilePermissions(each, LinkOption.NOFOLLOW_LINKS);
        if (permissions.contains(PosixFilePermission.GROUP_WRITE)
            || permissions.contains(PosixFilePermission.OTHERS_WRITE)) {
          open.add(each + " " + permissions);
        }
      }
    }
    return open;
  }
}
