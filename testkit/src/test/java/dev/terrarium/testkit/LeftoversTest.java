package dev.terrarium.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.terrarium.testkit.Procs.Proc;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Pipe;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// The oracle proves that it can fail: each test plants a leak and has it found.
final class LeftoversTest {
  private static final Duration SHORT = Duration.ofMillis(50);
  private static final long RUN = (1L << 60) + 123_456_789;
  private static final Path SHARED_MEMORY = Path.of("/dev/shm");
  private static final String MAP =
      """
      import mmap, os, signal, sys
      file = os.open("/dev/shm/" + sys.argv[1], os.O_RDWR | os.O_CREAT)
      os.ftruncate(file, 4096)
      memory = mmap.mmap(file, 4096)
      os.close(file)
      signal.pause()
      """;

  private Leftovers before = Leftovers.now();

  @BeforeEach
  void lookBefore() {
    WarmUp.once();
    before = Leftovers.now();
  }

  @Test
  void findsNothingWhereNothingIs() {
    assertThatCode(() -> before.assertNothingNew(SHORT)).doesNotThrowAnyException();
  }

  @Test
  void findsAChildProcess() {
    try (Child child = Child.start("sleep", "1000")) {
      assertLeft("pid " + child.pid(), "sleep 1000");
    }
    before.assertNothingNew(Leftovers.PATIENCE);
  }

  /// Nobody above it is ours any more, its environment is empty, and so is what it inherited of
  /// birthmarks.
  @Test
  void findsAProcessThatGotAwayWithoutAnyMark() throws IOException {
    Orphan orphan = Orphan.of("setsid", "env", "-i");
    assertThat(Procs.mark(orphan.pid())).isEmpty();
    assertFound(orphan);
  }

  @Test
  void findsAMarkedProcessThatGotAway() throws IOException {
    Orphan orphan = Orphan.of("prlimit", "--rttime=" + (RUN - 7) + ":" + RUN, "setsid");
    assertThat(Procs.marked(RUN)).extracting(Proc::pid).containsExactly(orphan.pid());
    assertFound(orphan);
  }

  private void assertFound(Orphan orphan) {
    try (orphan) {
      assertThat(Procs.descendants(ProcessHandle.current().pid()))
          .extracting(Proc::pid)
          .doesNotContain(orphan.pid());
      assertLeft("pid " + orphan.pid());
    }
    before.assertNothingNew(Leftovers.PATIENCE);
  }

  /// A second build on the machine, or a Terrarium of somebody else's, has processes that bear
  /// birthmarks and whose parents are dead; they were taken for ours, and every test failed.
  @Test
  void leavesTheOrphansOfAnotherBuildAlone() throws IOException {
    Orphan orphan =
        Orphan.of("prlimit", "--rttime=" + (RUN - 7) + ":" + RUN, "--locks=5:5", "setsid");
    try (orphan) {
      assertThat(Procs.marked(RUN)).extracting(Proc::pid).containsExactly(orphan.pid());
      before.assertNothingNew(SHORT);
    }
  }

  /// A process whose parent is dead, so that it descends from nobody here.
  private record Orphan(Proc seen) implements AutoCloseable {
    /// @param launcher becomes the process
    static Orphan of(String... launcher) throws IOException {
      Path file = Files.createTempFile("pid", "");
      String away =
          "%s sh -c 'echo $$ > %s; exec sleep 1000' & wait"
              .formatted(String.join(" ", launcher), file);
      try (Child shell = Child.start("sh", "-c", away)) {
        await().until(() -> Files.readString(file).endsWith("\n"));
        shell.kill();
      }
      long pid = Long.parseLong(Files.readString(file).strip());
      Files.delete(file);
      return new Orphan(Procs.find(pid).orElseThrow());
    }

    long pid() {
      return seen.pid();
    }

    @Override
    public void close() {
      Signals.kill(seen);
      Procs.awaitGone(pid(), Leftovers.PATIENCE);
    }
  }

  @Test
  void findsAPlatformThreadAndWhereItStands() throws InterruptedException {
    var end = new CountDownLatch(1);
    Thread thread = Thread.ofPlatform().name("terrarium-loop").start(() -> Latches.awaited(end));
    assertLeft("thread terrarium-loop", "CountDownLatch.await");
    end.countDown();
    thread.join();
    before.assertNothingNew(Leftovers.PATIENCE);
  }

  @Test
  void findsAVirtualThread() throws InterruptedException {
    var end = new CountDownLatch(1);
    Thread thread = Thread.ofVirtual().name("terrarium-call-1").start(() -> Latches.awaited(end));
    assertLeft("thread terrarium-call-1");
    end.countDown();
    thread.join();
    before.assertNothingNew(Leftovers.PATIENCE);
  }

  @Test
  void findsAPipe() throws IOException {
    Pipe pipe = Pipe.open();
    assertLeft("descriptor pipe:[");
    pipe.source().close();
    pipe.sink().close();
    before.assertNothingNew(Leftovers.PATIENCE);
  }

  @Test
  void findsASelector() throws IOException {
    try (var _ = Selector.open()) {
      assertLeft("descriptor anon_inode:[eventpoll]", "descriptor anon_inode:[eventfd]");
    }
    before.assertNothingNew(Leftovers.PATIENCE);
  }

  @Test
  void findsASocketAndItsDirectory() throws IOException {
    Path directory = Files.createTempDirectory("terrarium-");
    Path socket = directory.resolve("s");
    try (var server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      server.bind(UnixDomainSocketAddress.of(socket));
      assertLeft("descriptor socket:[", "file " + directory);
    }
    Files.delete(socket);
    Files.delete(directory);
    before.assertNothingNew(Leftovers.PATIENCE);
  }

  /// What one of ours has mapped once stays ours when it is dead.
  @Test
  void findsSharedMemory() throws IOException {
    String name = "planted-" + ProcessHandle.current().pid();
    Path file = SHARED_MEMORY.resolve(name);
    try (Child _ = Child.start("python3", "-c", MAP, name)) {
      await().until(() -> Files.exists(file) && SharedPlaces.ours().contains(file));
      assertLeft("file " + file);
    }
    assertLeft("file " + file);
    Files.delete(file);
    before.assertNothingNew(Leftovers.PATIENCE);
  }

  /// Seen when it appears: nobody asks before the process is dead.
  @Test
  void findsSharedMemoryOfAProcessThatIsDeadByNow() throws IOException {
    String name = "planted-" + ProcessHandle.current().pid();
    Path file = SHARED_MEMORY.resolve(name);
    try (Child _ = Child.start("python3", "-c", MAP, name)) {
      await().until(() -> SharedPlaces.claimed().contains(file));
    }
    assertLeft("file " + file);
    Files.delete(file);
  }

  @Test
  void leavesTheSharedMemoryOfStrangersAlone() throws IOException {
    // A folder, which nobody has open for a moment, as this JVM would have a file.
    Path planted = Files.createTempDirectory(SHARED_MEMORY, "planted");
    before.assertNothingNew(SHORT);
    Files.delete(planted);
  }

  @Test
  void waitsForWhatIsOnItsWayOut() {
    try (Child _ = Child.start("sleep", "0.2")) {
      before.assertNothingNew(Leftovers.PATIENCE);
    }
  }

  private void assertLeft(String... texts) {
    assertThatThrownBy(() -> before.assertNothingNew(SHORT))
        .isInstanceOf(AssertionError.class)
        .hasMessageContainingAll(texts);
  }
}
