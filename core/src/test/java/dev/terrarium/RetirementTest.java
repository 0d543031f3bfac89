package dev.terrarium;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.call.Exchange;
import dev.terrarium.call.Outcome;
import dev.terrarium.call.PooledWorker;
import dev.terrarium.call.StopReason;
import dev.terrarium.call.WorkerEnd;
import dev.terrarium.call.WorkerListener;
import dev.terrarium.process.ProcessNames;
import dev.terrarium.wire.Encoded;
import dev.terrarium.wire.MemoryFiles;
import dev.terrarium.wire.Messages;
import dev.terrarium.wire.ValueCodec;
import dev.terrarium.worker.Facilities;
import dev.terrarium.worker.FrameTransport;
import dev.terrarium.worker.SpawnOrders;
import dev.terrarium.worker.Worker;
import dev.terrarium.worker.Zygote;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// A worker that its pool does not need any more, alone: what it has begun it finishes.
@Timeout(60)
@SuppressWarnings("NullAway.Init") // set before each test
final class RetirementTest {
  private static final StopReason RETIRED = new StopReason.Retired("it is old");

  @TempDir Path home;
  @TempDir Path files;
  private final CompletableFuture<PooledWorker> ready = new CompletableFuture<>();
  private final CompletableFuture<Void> unavailable = new CompletableFuture<>();
  private final CompletableFuture<WorkerEnd> gone = new CompletableFuture<>();
  private RuntimeParts parts;
  private Zygote zygote;
  private Worker worker;

  @BeforeEach
  void start() {
    String source =
        """
        import os, time
        from terrarium import tool

        @tool
        def wait_for(path):
            while not os.path.exists(path):
                time.sleep(0.005)
            return path
        """;
    PoolConfig config = Trouble.pool(files, source).name("old").build();
    parts = RuntimeParts.start(Config.defaults().withHome(home));
    Facilities facilities = parts.facilities(config);
    var numbers = new AtomicLong();
    var names = new ProcessNames("old");
    var orders = new SpawnOrders(config, facilities, new ValueCodec());
    parts.enter("old", facilities.wardens());
    zygote =
        new Zygote(
            config,
            facilities,
            orders,
            names,
            () -> facilities.wardens().number(numbers.incrementAndGet()));
    worker =
        new Worker(
            names.nextWorker(),
            facilities.wardens().number(numbers.incrementAndGet()),
            config,
            facilities,
            zygote,
            new FrameTransport(config, facilities),
            new Listener());
    worker.start();
    assertThat(ready.orTimeout(30, SECONDS).join()).isSameAs(worker);
  }

  @AfterEach
  void close() {
    zygote.end();
    parts.shutDown();
    parts.close();
  }

  @Test
  void aRetiredWorkerFinishesWhatItHasAndTakesNoMore() throws Exception {
    Path goOn = files.resolve("go on");
    var running = new Call(goOn);
    assertThat(worker.submit(List.of(running))).isTrue();
    worker.stop(RETIRED);
    assertThat(unavailable).as("the pool knows at once").isCompleted();
    assertThat(worker.submit(List.of(new Call(goOn)))).isFalse();
    assertThat(running.isDone()).isFalse();
    Files.createFile(goOn);
    assertThat(running.outcome().get(30, SECONDS)).isInstanceOf(Outcome.Value.class);
    assertThat(gone.get(30, SECONDS)).isEqualTo(new WorkerEnd(RETIRED, new Exit.Status(0), ""));
  }

  @Test
  void aRetiredWorkerThatHasNothingToDoEndsAtOnce() throws Exception {
    worker.stop(RETIRED);
    assertThat(gone.get(30, SECONDS)).isEqualTo(new WorkerEnd(RETIRED, new Exit.Status(0), ""));
  }

  @Test
  void onlyThePoolsEndCutsItsCallsShort() throws Exception {
    var running = new Call(files.resolve("never"));
    assertThat(worker.submit(List.of(running))).isTrue();
    worker.stop(RETIRED);
    assertThat(running.isDone()).isFalse();
    worker.stop(new StopReason.PoolClosed("pool 'old' closes"));
    assertThat(running.outcome().get(30, SECONDS)).isInstanceOf(Outcome.Failure.class);
    assertThat(gone.get(30, SECONDS).reason()).isInstanceOf(StopReason.PoolClosed.class);
  }

  private static final class Call extends Exchange {
    Call(Path path) {
      super("wait_for", envelope(path));
    }

    private static Encoded envelope(Path path) {
      var call = new Messages.Call("wait_for", List.of(path.toString()), Map.of());
      return new ValueCodec().encode(call, MemoryFiles.none());
    }

    @Override
    public long millisAllowed() {
      return 60_000;
    }

    @Override
    public boolean isSentAhead() {
      return false;
    }

    @Override
    public void released() {}
  }

  private final class Listener implements WorkerListener {
    @Override
    public void ready(PooledWorker which) {
      ready.complete(which);
    }

    @Override
    public void callEnded(PooledWorker which, Exchange call) {}

    @Override
    public void unavailable(PooledWorker which) {
      unavailable.complete(null);
    }

    @Override
    public void forced(PooledWorker which) {}

    @Override
    public void gone(PooledWorker which, WorkerEnd end) {
      gone.complete(end);
    }
  }
}
