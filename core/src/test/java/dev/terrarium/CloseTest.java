package dev.terrarium;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.terrarium.StartFailedException.Reason;
import dev.terrarium.Terrarium.CloseReport;
import dev.terrarium.testkit.Jvm;
import dev.terrarium.testkit.Procs;
import dev.terrarium.testkit.Procs.Proc;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// `close()`, whoever calls it, how often, and when.
@Timeout(90)
final class CloseTest {
  private static final long SELF = ProcessHandle.current().pid();
  private static final CloseReport CLEAN = new CloseReport(0, 0);

  @TempDir Path home;
  @TempDir Path files;

  @Test
  void closingAgainDoesNothing() {
    Terrarium runtime = Endings.runtime(home);
    Pool pool = Endings.pool(runtime).size(2).start();
    assertThat(runtime.closeReport()).isEmpty();
    pool.close();
    pool.close();
    runtime.close();
    runtime.close();
    pool.close();
    assertThat(runtime.closeReport()).contains(CLEAN);
  }

  @Test
  void whatHadToBeForcedIsCountedOnce() {
    Terrarium runtime = Endings.runtime(home);
    Pool pool = stubborn(runtime);
    pool.close();
    pool.close();
    runtime.close();
    assertThat(runtime.closeReport()).contains(new CloseReport(1, 0));
  }

  /// A pool with a worker that has to be forced, after half a second.
  private Pool stubborn(Terrarium runtime) {
    Pool pool = Endings.pool(runtime).size(2).grace(Duration.ofMillis(250)).start();
    Path file = files.resolve("stubborn");
    var _ = pool.tool("hold_gil").args(file.toString()).callAsync(Object.class);
    Endings.awaitFile(file);
    return pool;
  }

  @Test
  void allWhoCloseAtTheSameTimeWaitForTheEnd() {
    Terrarium runtime = Endings.runtime(home);
    Pool pool = stubborn(runtime);
    long birthmark = Endings.birthmark(Endings.warden(SELF));
    List<CompletableFuture<CloseReport>> closers =
        Stream.of(runtime, runtime, runtime, pool, pool)
            .map(
                it ->
                    CompletableFuture.supplyAsync(
                        () -> closed(it, runtime), Thread::startVirtualThread))
            .toList();
    assertThat(closers).allMatch(it -> it.join().equals(new CloseReport(1, 0)));
    assertThat(Procs.marked(birthmark)).isEmpty();
  }

  private static CloseReport closed(AutoCloseable what, Terrarium runtime) {
    try {
      what.close();
    } catch (Exception e) {
      throw new CompletionException(e);
    }
    runtime.close();
    return runtime.closeReport().orElseThrow();
  }

  @Test
  void aCompletionMayClose() throws Exception {
    Terrarium runtime = Endings.runtime(home);
    Pool pool = Endings.pool(runtime).size(2).start();
    pool.tool("echo").callAsync(Object.class).thenRun(runtime::close).get(30, TimeUnit.SECONDS);
    assertThat(runtime.closeReport()).contains(CLEAN);
  }

  @Test
  void aStartThatIsUnderWayIsCancelled() {
    Terrarium runtime = Endings.runtime(home);
    PoolBuilder importing =
        Endings.pool(runtime)
            .adapter(Endings.adapter("endless_import.py"))
            .size(2)
            .environment("STARTED", files.toString());
    CompletableFuture<Pool> start = starting(importing);
    Endings.soon().until(() -> Endings.names(files).size() == 1 /* the zygote */);
    runtime.close();
    assertCancelled(start);
    assertThat(runtime.closeReport()).contains(CLEAN);
  }

  @Test
  void aStartIsCancelledAtAnyMoment() {
    for (int processes = 2; processes <= 20; processes += 2) {
      int enough = processes;
      Terrarium runtime = Endings.runtime(home);
      long birthmark = Endings.birthmark(Endings.warden(SELF));
      CompletableFuture<Pool> start = starting(Endings.pool(runtime).size(200));
      Endings.soon().pollInterval(Duration.ofMillis(1)).until(() -> below() >= enough);
      runtime.close();
      assertCancelled(start);
      assertThat(Procs.marked(birthmark)).isEmpty();
      assertThat(runtime.closeReport()).contains(CLEAN);
    }
  }

  private static CompletableFuture<Pool> starting(PoolBuilder pool) {
    return CompletableFuture.supplyAsync(pool::start, Thread::startVirtualThread);
  }

  private static long below() {
    return Procs.descendants(SELF).size();
  }

  private static void assertCancelled(CompletableFuture<Pool> start) {
    assertThatThrownBy(start::join)
        .cause()
        .isInstanceOfSatisfying(
            StartFailedException.class, it -> assertThat(it.reason()).isEqualTo(Reason.CANCELLED));
  }

  @Test
  void anExitOfTheJvmEndsAStartThatIsUnderWay() {
    String[] arguments = {home.toString(), files.toString(), "endless_import.py", "2"};
    try (Jvm jvm = Jvm.start(Victim.class, arguments)) {
      Endings.soon().until(() -> Endings.names(files).size() == 1 /* the zygote */);
      Proc warden = Endings.warden(jvm.pid());
      long birthmark = Endings.birthmark(warden);
      jvm.terminate();
      assertThat(jvm.awaitExit()).isEqualTo(143);
      Endings.awaitNothingLeft(List.of(warden), birthmark, System.nanoTime());
      assertThat(Endings.runs(home)).isEmpty();
    }
  }

  @Test
  void anInterruptDoesNotCutTheCloseShort() throws InterruptedException {
    Terrarium runtime = Endings.runtime(home);
    Pool pool = stubborn(runtime);
    long birthmark = Endings.birthmark(Endings.warden(SELF));
    var waiting = pool.tool("sleep").args(1000).callAsync(Object.class);
    var interrupted = new CompletableFuture<Boolean>();
    Thread closer =
        Thread.ofPlatform()
            .start(
                () -> {
                  runtime.close();
                  interrupted.complete(Thread.currentThread().isInterrupted());
                });
    Endings.soon().until(waiting::isCompletedExceptionally); // so the close has begun
    closer.interrupt();
    closer.join();
    assertThat(interrupted).isCompletedWithValue(true);
    assertThat(Procs.marked(birthmark)).isEmpty();
    assertThat(runtime.closeReport()).contains(new CloseReport(1, 0));
  }

  @Test
  void whoeverIsInterruptedAlreadyMayStillClose() {
    Terrarium runtime = Endings.runtime(home);
    Endings.pool(runtime).size(2).start();
    long birthmark = Endings.birthmark(Endings.warden(SELF));
    Thread.currentThread().interrupt();
    runtime.close();
    assertThat(Thread.interrupted()).isTrue();
    assertThat(Procs.marked(birthmark)).isEmpty();
    assertThat(runtime.closeReport()).contains(CLEAN);
  }

  @Test
  void aClosedRuntimeStartsNoPool() {
    Terrarium runtime = Endings.runtime(home);
    runtime.close();
    assertThatThrownBy(() -> Endings.pool(runtime).start())
        .isInstanceOf(PoolClosedException.class)
        .hasMessageContaining(runtime.runId());
  }
}
