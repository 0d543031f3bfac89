package dev.terrarium.trials;

import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.testkit.Procs;
import dev.terrarium.testkit.Signals;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// Strangers are touched, and it is noticed.
@Timeout(60)
final class StrangersHurtTest {
  @TempDir Path folder;

  @Test
  void oneThatIsLeftAloneIsUnhurtAndLooksLikeOurs() {
    try (Stranger stranger = Stranger.lookalike("s59m65f", folder.resolve("diary"))) {
      assertThat(stranger.hurt()).isEmpty();
      assertThat(Procs.command(stranger.seen().pid()))
          .matches("\\S*python\\S* \\S*grpc_server.py --snakepit-run-id s59m65f .*");
    }
  }

  @Test
  void aSignalIsNoticed() {
    try (Stranger stranger = Stranger.lookalike("s59m65f", folder.resolve("diary"))) {
      Signals.resume(stranger.seen());
      Until.holds(() -> !stranger.hurt().isEmpty());
      assertThat(stranger.hurt()).containsExactly("the look-alike got signal 18");
    }
  }

  @Test
  void aStopIsNoticed() {
    var diary = folder.resolve("diary");
    try (Stranger stranger = Stranger.impostor("s59m65f", diary, Map.of("COPIED", "yes"))) {
      assertThat(Procs.environment(stranger.seen().pid())).containsEntry("COPIED", "yes");
      Signals.pause(stranger.seen());
      Until.holds(() -> !stranger.hurt().isEmpty());
      assertThat(stranger.hurt()).containsExactly("the one with a copied environment is stopped");
    }
  }

  @Test
  void aDeathIsNoticed() {
    try (Stranger stranger = Stranger.editor(Places.lookalike())) {
      Until.holds(() -> Procs.command(stranger.seen().pid()).startsWith("vim "));
      assertThat(stranger.hurt()).isEmpty();
      Signals.kill(stranger.seen());
      Until.holds(() -> !stranger.hurt().isEmpty());
      assertThat(stranger.hurt()).containsExactly("the editor is dead");
    }
  }
}
