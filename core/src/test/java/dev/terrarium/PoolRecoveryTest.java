package dev.terrarium;

import static dev.terrarium.Trouble.awaitWhole;
import static dev.terrarium.Trouble.failure;
import static dev.terrarium.Trouble.pid;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.terrarium.StartFailedException.Reason;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// A pool whose workers do not start any more while it runs, and then do again.
@Timeout(90)
final class PoolRecoveryTest {
  private static final String ADAPTER =
      """
      import os
      from terrarium import on_start, tool

      @on_start
      def begin():
          if os.path.exists(os.environ["TROUBLE"]):
              exec(open(os.environ["TROUBLE"]).read())

      @tool
      def echo(value=None):
          return value
      """;

  @TempDir private Path directory;

  @Test
  void callersAreToldWhenNoWorkerStartsAnyMoreAndServedWhenThatIsMended() throws IOException {
    try (Pool pool = pool().start()) {
      breakIt(pool, "import nmpy\n");
      StartFailedException error = awaitRefusal(pool);
      assertThat(error.reason()).isEqualTo(Reason.ON_START_FAILED);
      assertThat(error)
          .hasMessageContaining("Pool 'adapter' has no worker, and the last ")
          .hasMessageContaining("did not start")
          .hasMessageContaining("No module named 'nmpy'");
      Files.delete(trouble());
      awaitWhole(pool);
    }
  }

  @Test
  void callersThatWaitAreToldAsWell() {
    try (Pool pool = pool().start()) {
      breakIt(pool, "import os\nos._exit(7)\n");
      var waiting = pool.tool("echo").args(1).callAsync(Integer.class);
      StartFailedException error = failure(StartFailedException.class, waiting);
      assertThat(error.reason()).isEqualTo(Reason.WORKER_DIED);
      assertThat(error).hasMessageContaining("exited with status 7 before it was ready");
    }
  }

  private PoolBuilder pool() {
    return Trouble.pool(directory, ADAPTER).environment("TROUBLE", trouble().toString());
  }

  private Path trouble() {
    return directory.resolve("trouble");
  }

  private void breakIt(Pool pool, String source) {
    long worker = pid(pool);
    Trouble.write(trouble(), source);
    Trouble.kill(worker);
    await().until(() -> pool.stats().restarts() > 0);
  }

  private static StartFailedException awaitRefusal(Pool pool) {
    var call = pool.tool("echo").args(1).deadline(Duration.ofSeconds(30));
    return failure(StartFailedException.class, () -> call.call(Integer.class));
  }
}
