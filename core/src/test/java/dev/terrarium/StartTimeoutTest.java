package dev.terrarium;

import static dev.terrarium.Trouble.failure;
import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.StartFailedException.Reason;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// A start that takes too long says where it was: the whole of startTimeout had passed, and the
/// error knew no more than that it had.
@Timeout(120)
final class StartTimeoutTest {
  private static final String TOOL =
      """
      import ctypes, signal, threading, time
      from terrarium import tool, on_start

      @tool
      def echo(value=None):
          return value

      def hangs_here():
          open(%r, "w").close()
          while True:
              HANG

      """;

  private static final String IMPORT = "hangs_here()\n";
  private static final String ON_START = "@on_start\ndef load():\n    hangs_here()\n";

  /// Each call of it holds the interpreter's lock for as long as no signal comes.
  private static final String IN_C = "ctypes.PyDLL(None).sleep(1000)";

  @TempDir private Path directory;

  /// How such a pool fails. A machine that is so slow that the hang was not reached has more time
  /// with the next try.
  private StartFailedException timedOut(Start start, String hang, String source) {
    Path reached = directory.resolve("reached");
    String text = TOOL.replace("%r", "'" + reached + "'").replace("HANG", hang) + source;
    for (Duration limit = Duration.ofSeconds(1); ; limit = limit.multipliedBy(2)) {
      PoolBuilder builder = Trouble.pool(directory, text).start(start).startTimeout(limit);
      StartFailedException failure = failure(StartFailedException.class, builder::start);
      if (Files.exists(reached)) {
        return failure;
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void anImportThatHangsIsShownWhereItWas(Start start) {
    StartFailedException failure = timedOut(start, "time.sleep(0.01)", IMPORT);
    assertThat(failure.reason()).isEqualTo(Reason.TIMED_OUT);
    assertThat(failure.pythonStacks())
        .as(failure.getMessage())
        .contains("adapter.py\", line ", "in hangs_here");
    assertThat(failure)
        .hasMessageContaining("; import less, or raise startTimeout; ")
        .hasMessageContaining(start == Start.EXEC ? "; Python was at:" : "; its zygote was at:")
        .hasMessageContaining(failure.pythonStacks());
  }

  @ParameterizedTest
  @EnumSource
  void anOnStartThatHangsIsShownWhereItWas(Start start) {
    StartFailedException failure = timedOut(start, "time.sleep(0.01)", ON_START);
    assertThat(failure.reason()).isEqualTo(Reason.TIMED_OUT);
    assertThat(failure.pythonStacks())
        .as(failure.getMessage())
        .contains("in hangs_here", "in load");
    assertThat(failure).hasMessageContaining("; Python was at:");
  }

  @ParameterizedTest
  @EnumSource
  void whoHoldsTheInterpretersLockInNativeCodeIsShownAsWell(Start start) {
    StartFailedException failure = timedOut(start, IN_C, ON_START);
    assertThat(failure.pythonStacks())
        .as(failure.getMessage())
        .contains("in hangs_here", "in load");
  }

  @ParameterizedTest
  @EnumSource
  void allThreadsAreShown(Start start) {
    String another =
        """
        @on_start
        def load():
            started = threading.Event()
            def another():
                started.set()
                time.sleep(1000)
            threading.Thread(target=another, daemon=True).start()
            started.wait()
            hangs_here()
        """;
    StartFailedException failure = timedOut(start, "time.sleep(0.01)", another);
    assertThat(failure.pythonStacks())
        .as(failure.getMessage())
        .contains("in hangs_here", "in another");
  }

  @ParameterizedTest
  @EnumSource
  void whereNoStacksAreToBeHadItSaysWhy(Start start) {
    String deaf =
        """
        @on_start
        def load():
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGWINCH])
            hangs_here()
        """;
    StartFailedException failure = timedOut(start, "time.sleep(0.01)", deaf);
    assertThat(failure.reason()).isEqualTo(Reason.TIMED_OUT);
    assertThat(failure.pythonStacks()).isEmpty();
    assertThat(failure)
        .hasMessageContaining("; no stacks are to be had: it did not answer to SIGWINCH")
        .hasMessageContaining("or it blocks that signal");
  }

  @ParameterizedTest
  @EnumSource
  void aProcessThatStandsStillSaysSo(Start start) {
    String stopped =
        """
        @on_start
        def load():
            import os
            open(%r, "w").close()
            os.kill(os.getpid(), signal.SIGSTOP)
        """
            .replace("%r", "'" + directory.resolve("reached") + "'");
    StartFailedException failure = timedOut(start, "pass", stopped);
    assertThat(failure).hasMessageContaining("no stacks are to be had: the process is stopped");
  }

  @ParameterizedTest
  @EnumSource
  void whatHangsBeforeAnythingOfOursHasRunSaysThat(Start start) throws IOException {
    Path reached = directory.resolve("reached");
    Files.writeString(
        directory.resolve("sitecustomize.py"),
        "import time\nopen('%s', 'w').close()\ntime.sleep(1000)\n".formatted(reached));
    PoolBuilder builder =
        Trouble.pool(directory, TOOL.replace("%r", "''").replace("HANG", "pass"))
            .start(start)
            .environment("PYTHONPATH", directory.toString());
    for (Duration limit = Duration.ofSeconds(1); ; limit = limit.multipliedBy(2)) {
      StartFailedException failure =
          failure(StartFailedException.class, builder.startTimeout(limit)::start);
      boolean gone = String.valueOf(failure.getMessage()).contains("the process is gone");
      if (Files.exists(reached) && !gone) {
        assertThat(failure).hasMessageContaining("sitecustomize, a .pth file");
        return;
      }
    }
  }
}
