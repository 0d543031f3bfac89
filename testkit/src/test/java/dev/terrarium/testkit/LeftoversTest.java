package dev.terrarium.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

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

  @Test
  void findsAMarkedProcessThatGotAway() throws IOException {
    Path file = Files.createTempFile("pid", "");
    String escape = "(setsid sh -c 'echo $$ > " + file + "; exec sleep 1000' &)";
    try (Child shell = Child.marked(RUN, 7, "sh", "-c", escape + "; exec sleep 1000")) {
      // A shell that is killed before it has forked leaves nobody behind.
      await().until(() -> Files.readString(file).endsWith("\n"));
      shell.kill();
    }
    long away = Long.parseLong(Files.readString(file).strip());
    try {
      assertThat(Procs.marked(RUN)).extracting(Procs.Proc::pid).containsExactly(away);
      assertThat(Procs.descendants(ProcessHandle.current().pid()))
          .extracting(Procs.Proc::pid)
          .doesNotContain(away);
      assertLeft("pid " + away);
    } finally {
      ProcessHandle.of(away).orElseThrow().destroyForcibly();
      Files.delete(file);
    }
    before.assertNothingNew(Leftovers.PATIENCE);
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

  @Test
  void leavesTheSocketsOfALivingStrangerAlone() throws IOException {
    // A process whose parent is gone descends from nobody here and bears no mark.
    Path directory = Files.createTempDirectory("terrarium-");
    String serve =
        "import socket,time; s=socket.socket(socket.AF_UNIX); s.bind('%s/s'); time.sleep(1000)"
            .formatted(directory);
    try (Child shell = Child.start("sh", "-c", "setsid python3 -c \"" + serve + "\" & exit 0")) {
      shell.awaitExit();
      before.assertNothingNew(Leftovers.PATIENCE);
    } finally {
      Procs.all().stream()
          .filter(proc -> Procs.command(proc.pid()).contains(directory + "/s"))
          .forEach(it -> ProcessHandle.of(it.pid()).ifPresent(ProcessHandle::destroyForcibly));
      Files.deleteIfExists(directory.resolve("s"));
      Files.delete(directory);
    }
  }

  @Test
  void findsSharedMemory() throws IOException {
    Path file = Files.createTempFile(Path.of("/dev/shm"), "planted", "");
    assertLeft("file " + file);
    Files.delete(file);
    before.assertNothingNew(Leftovers.PATIENCE);
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
