package dev.terrarium.examples;

import dev.terrarium.DeadlineExceededException;
import dev.terrarium.Pool;
import dev.terrarium.PoolClosedException;
import dev.terrarium.PoolSaturatedException;
import dev.terrarium.StartFailedException;
import dev.terrarium.TerrariumException;
import dev.terrarium.ToolException;
import dev.terrarium.WorkerDiedException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;

/// Errors are what a caller can do about them: one subclass for each, with the facts as data.
public final class ErrorHandling {
  private static final Path ADAPTER = Adapters.path("mishaps.py");

  private ErrorHandling() {}

  public static void main(String[] args) {
    Pool pool = Pool.builder().adapter(ADAPTER).size(1).start();
    try (pool) {
      attempt(() -> pool.call("parse_age", Map.of("text", "200"), Integer.class));
      attempt(() -> pool.tool("hang").deadline(Duration.ofMillis(300)).call(Void.class));
      attempt(() -> pool.call("crash", Map.of(), Void.class));
    }
    attempt(() -> pool.call("parse_age", Map.of("text", "20"), Integer.class));
    callOnFullPool();
    attempt(() -> Pool.builder().adapter(Path.of("no-such-adapter.py")).start().close());
  }

  // One worker, which is busy, and nobody may wait.
  private static void callOnFullPool() {
    try (Pool pool = Pool.builder().adapter(ADAPTER).size(1).maxWaiting(0).start()) {
      var busy = pool.tool("work").arg("seconds", 60).callAsync(Double.class);
      attempt(() -> pool.call("parse_age", Map.of("text", "20"), Integer.class));
      busy.cancel(true);
    }
  }

  private static void attempt(Runnable call) {
    try {
      call.run();
      System.out.println("it worked");
    } catch (ToolException e) {
      System.out.printf("fix the argument: %s: %s%n", e.python().type(), e.python().message());
    } catch (DeadlineExceededException e) {
      System.out.println("look where it hung: " + lineWith(e.pythonStacks(), "mishaps.py"));
    } catch (WorkerDiedException e) {
      System.out.printf(
          "retry if idempotent: %s; it said: %s%n",
          e.exit().describe(), lineWith(e.stderrTail(), "about"));
    } catch (PoolSaturatedException e) {
      System.out.printf("shed load: %d waiting of %d%n", e.waiting(), e.limit());
    } catch (PoolClosedException e) {
      System.out.println("the pool is closed");
    } catch (StartFailedException e) {
      System.out.println("it did not start: " + e.reason());
    } catch (TerrariumException e) {
      System.out.println("whatever else there is: " + e.getMessage());
    }
  }

  private static String lineWith(String text, String word) {
    return text.lines().filter(line -> line.contains(word)).findFirst().orElse("?").strip();
  }
}
