package dev.terrarium.wire;

import static dev.terrarium.wire.RecordingGreeter.next;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.terrarium.wire.RecordingGreeter.Closed;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.AbstractList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
final class EventLoopTest extends ListeningLoop {
  EventLoopTest() {
    super(EventLoop.start("test"));
  }

  private static OutgoingFrame call(long id, byte[]... attachments) {
    return OutgoingFrame.of(
        FrameType.CALL,
        id,
        "{}".getBytes(UTF_8),
        Arrays.stream(attachments).map(ByteBuffer::wrap).toList());
  }

  private static byte[] result(long id, byte[]... attachments) {
    return Frames.bytes(FrameType.RESULT, id, "{}", attachments);
  }

  @Test
  void carriesFramesBothWays() throws Exception {
    try (var peer = TestPeer.dial(socket).hello()) {
      Connection connection = next(greeter.connections);
      assertThat(connection.send(call(5, new byte[] {1}))).isTrue();
      assertThat(peer.receive())
          .usingRecursiveComparison()
          .isEqualTo(new Frame(FrameType.CALL, 5, "{}".getBytes(UTF_8), List.of(new byte[] {1})));
      peer.send(result(5, new byte[] {2}));
      assertThat(next(greeter.frames).attachments()).containsExactly(new byte[] {2});
    }
    assertThat(next(greeter.closed).reason()).isNull();
  }

  /// One `OutOfMemoryError` ended the loop, and with it every connection of the runtime. What was
  /// to be done is done when there is memory for it.
  @Test
  void aTaskForWhichThereIsNoMemoryRunsAgainAndNobodyElseNotices() throws Exception {
    var attempts = new AtomicInteger();
    var done = new CountDownLatch(1);
    loop.execute(
        () -> {
          if (attempts.incrementAndGet() < 4) {
            throw new OutOfMemoryError("on purpose");
          }
          done.countDown();
        });
    try (var peer = TestPeer.dial(socket).hello()) {
      next(greeter.connections);
      peer.send(result(1));
      assertThat(next(greeter.frames).id()).isEqualTo(1);
      assertThat(done.await(30, TimeUnit.SECONDS)).isTrue();
      assertThat(attempts).hasValue(4);
    }
  }

  /// Half a frame was read: what follows must not be taken for its rest. And whoever is told of the
  /// end may have no memory for that either; he is told until he has.
  @Test
  void aHandlerWithoutMemoryCostsItsConnectionWhichHearsOfItInTheEnd(@TempDir Path directory)
      throws Exception {
    Path other = directory.resolve("other");
    var closings = new LinkedBlockingQueue<Optional<ProtocolException>>();
    var ended = new LinkedBlockingQueue<Integer>();
    loop.listen(
        other,
        (_, _) ->
            new FrameHandler() {
              @Override
              public void onFrame(Frame frame) {
                throw new OutOfMemoryError("on purpose");
              }

              @Override
              public void onClosed(@Nullable ProtocolException reason) {
                closings.add(Optional.ofNullable(reason));
                if (closings.size() < 4) {
                  throw new OutOfMemoryError("on purpose");
                }
                ended.add(closings.size());
              }
            });
    try (var bystander = TestPeer.dial(socket).hello();
        var poor = TestPeer.dial(other).hello()) {
      next(greeter.connections);
      poor.send(Frames.join(result(1), result(2)));
      assertThat(poor.bytesUntilClosed()).isZero();
      assertThat(next(ended)).isEqualTo(4);
      assertThat(closings).allMatch(Optional::isPresent);
      bystander.send(result(3));
      assertThat(next(greeter.frames).id()).isEqualTo(3);
      assertThat(closings).hasSize(4);
    }
  }

  @Test
  void aSenderWithoutMemoryLosesTheConnectionAndNotTheLoop() throws Exception {
    try (var peer = TestPeer.dial(socket).hello()) {
      Connection connection = next(greeter.connections);
      List<OutgoingFrame> frames =
          new AbstractList<>() {
            @Override
            public OutgoingFrame get(int index) {
              if (index > 0) {
                throw new OutOfMemoryError("on purpose");
              }
              return call(7);
            }

            @Override
            public int size() {
              return 2;
            }
          };
      assertThat(connection.send(frames)).isFalse();
      assertThat(connection.takesFrames()).isFalse();
      assertThat(peer.bytesUntilClosed()).isZero();
      assertThat(next(greeter.closed).reason()).isEqualTo(ProtocolException.OUT_OF_MEMORY);
    }
  }

  /// Its wake-up is lost on a loop that does not sleep just then.
  @Test
  void runsATaskThatCameWhileItWaitedAwake() throws Exception {
    try (var peer = TestPeer.dial(socket).hello()) {
      for (int i = 0; i < 2_000; i++) {
        for (int frame = 0; frame < 3; frame++) {
          peer.send(result(frame));
          next(greeter.frames);
        }
        var ran = new CountDownLatch(1);
        assertThat(loop.execute(ran::countDown)).isTrue();
        assertThat(ran.await(20, TimeUnit.SECONDS)).isTrue();
      }
    }
  }

  @Test
  void finishesWhatTheSocketDidNotTake() throws Exception {
    byte[] large = Frames.random(1, 30_000_000);
    try (var peer = TestPeer.dial(socket).hello()) {
      Connection connection = next(greeter.connections);
      assertThat(connection.send(call(1, large))).isTrue();
      assertThat(connection.queuedBytes()).isPositive();
      assertThat(connection.send(call(2))).isTrue();
      assertThat(Arrays.equals(peer.receive().attachments().getFirst(), large)).isTrue();
      assertThat(peer.receive().id()).isEqualTo(2);
      await().until(() -> connection.queuedBytes() == 0);
      peer.send(result(1, large));
      assertThat(Arrays.equals(next(greeter.frames).attachments().getFirst(), large)).isTrue();
    }
  }

  @Test
  void sendsDirectMemoryToo() throws Exception {
    ByteBuffer direct = ByteBuffer.allocateDirect(3_000_000).put(0, Frames.random(2, 3_000_000));
    try (var peer = TestPeer.dial(socket).hello()) {
      Connection connection = next(greeter.connections);
      connection.send(OutgoingFrame.of(FrameType.CALL, 1, new byte[0], List.of(direct)));
      assertThat(ByteBuffer.wrap(peer.receive().attachments().getFirst())).isEqualTo(direct);
    }
  }

  @Test
  void keepsFramesWholeAndEachSendersOrder() throws Exception {
    int senders = 8;
    int each = 200;
    byte[] attachment = new byte[20_000];
    try (var peer = TestPeer.dial(socket).hello();
        var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Connection connection = next(greeter.connections);
      for (int sender = 0; sender < senders; sender++) {
        long base = sender * 1_000L;
        threads.execute(
            () -> {
              for (int i = 0; i < each; i++) {
                connection.send(call(base + i, attachment));
              }
            });
      }
      Map<Long, Long> nextOf = new HashMap<>();
      for (int i = 0; i < senders * each; i++) {
        Frame frame = peer.receive();
        long sender = frame.id() / 1_000;
        assertThat(frame.id() % 1_000).isEqualTo(nextOf.merge(sender, 1L, Long::sum) - 1);
        assertThat(frame.attachments().getFirst()).hasSize(attachment.length);
      }
    }
  }

  @Test
  void survivesAnInterruptOfTheSender() throws Exception {
    byte[] large = new byte[5_000_000];
    try (var peer = TestPeer.dial(socket).hello()) {
      Connection connection = next(greeter.connections);
      Thread.currentThread().interrupt();
      assertThat(connection.send(call(1, large))).isTrue();
      assertThat(connection.send(call(2))).isTrue();
      assertThat(Thread.interrupted()).isTrue();
      assertThat(peer.receive().id()).isEqualTo(1);
      assertThat(peer.receive().id()).isEqualTo(2);
      Thread virtual =
          Thread.ofVirtual()
              .start(
                  () -> {
                    Thread.currentThread().interrupt();
                    connection.send(call(3, large));
                  });
      assertThat(peer.receive().id()).isEqualTo(3);
      virtual.join();
      assertThat(connection.send(call(4))).isTrue();
      assertThat(peer.receive().id()).isEqualTo(4);
    }
  }

  @Test
  void clearsAnInterruptThatAHandlerLeftBehind(@TempDir Path directory) throws Exception {
    var found = new LinkedBlockingQueue<Boolean>();
    var nosy =
        new RecordingGreeter(
            (_, _) -> {
              found.add(Thread.currentThread().isInterrupted());
              Thread.currentThread().interrupt();
            });
    Path other = directory.resolve("o");
    loop.listen(other, nosy);
    try (var peer = TestPeer.dial(other).hello().send(result(1))) {
      assertThat(next(found)).isFalse();
      peer.send(result(2));
      assertThat(next(found)).isFalse();
      assertThat(next(nosy.connections).send(call(3))).isTrue();
      assertThat(peer.receive().id()).isEqualTo(3);
    }
  }

  @Test
  void tellsTheHandlerOnceAndOnItsOwnThread() throws Exception {
    try (var peer = TestPeer.dial(socket).hello()) {
      Connection connection = next(greeter.connections);
      connection.close();
      connection.close();
      Closed closed = next(greeter.closed);
      assertThat(closed.thread().getName()).isEqualTo("terrarium-loop-test");
      assertThat(closed.reason()).isNull();
      assertThat(connection.send(call(1))).isFalse();
      assertThat(connection.queuedBytes()).isZero();
      assertThat(peer.bytesUntilClosed()).isZero();
    }
    loop.close();
    assertThat(greeter.closed).isEmpty();
  }

  @Test
  void deliversNothingAfterAHandlerClosed(@TempDir Path directory) throws Exception {
    var fickle = new RecordingGreeter((connection, _) -> connection.close());
    Path other = directory.resolve("o");
    loop.listen(other, fickle);
    try (var peer = TestPeer.dial(other)) {
      peer.send(Frames.join(Frames.bytes(FrameType.HELLO, 0, ""), result(1), result(2)));
      next(fickle.closed);
      assertThat(fickle.frames).hasSize(1);
    }
  }

  @Test
  void hearsTheLastWordsOfAPeerThatIsGone() throws Exception {
    var entered = new CountDownLatch(1);
    var release = new CountDownLatch(1);
    var peer = TestPeer.dial(socket).hello();
    Connection connection = next(greeter.connections);
    hold(entered, release);
    peer.send(result(1)).send(result(2, new byte[100_000]));
    peer.close();
    boolean sent = connection.send(call(1));
    release.countDown();
    assertThat(sent).isFalse();
    assertThat(next(greeter.frames).id()).isEqualTo(1);
    assertThat(next(greeter.frames).id()).isEqualTo(2);
    assertThat(next(greeter.closed).reason()).isNull();
  }

  /// Keeps the loop's thread busy until released, so that a sender comes first.
  private void hold(CountDownLatch entered, CountDownLatch release) throws InterruptedException {
    loop.execute(
        () -> {
          entered.countDown();
          try {
            assertThat(release.await(20, TimeUnit.SECONDS)).isTrue();
          } catch (InterruptedException e) {
            throw new AssertionError(e);
          }
        });
    assertThat(entered.await(20, TimeUnit.SECONDS)).isTrue();
  }

  @Test
  void endsAConnectionWhosePeerTalksButDoesNotListen() throws Exception {
    try (var peer = TestPeer.dial(socket).hello()) {
      Connection connection = next(greeter.connections);
      peer.stopReading();
      assertThat(connection.send(call(1))).isFalse();
      next(greeter.closed);
    }
  }

  @Test
  void closesOnlyTheConnectionWhoseHandlerFails(@TempDir Path directory) throws Exception {
    var clumsy =
        new RecordingGreeter(
            (_, frame) -> {
              if (frame.id() == 1) {
                throw new IllegalStateException("clumsy");
              }
              throw new AssertionError("worse");
            });
    Path other = directory.resolve("o");
    loop.listen(other, clumsy);
    try (var good = TestPeer.dial(socket).hello();
        var one = TestPeer.dial(other).hello().send(result(1));
        var two = TestPeer.dial(other).hello().send(result(2))) {
      assertThat(one.bytesUntilClosed()).isZero();
      assertThat(two.bytesUntilClosed()).isZero();
      assertThat(next(clumsy.closed).reason()).hasMessageContaining("could not be handled");
      good.send(result(3));
      assertThat(next(greeter.frames).id()).isEqualTo(3);
    }
  }

  @Test
  void closesEverythingAndLeavesNoSocket() throws Exception {
    try (var peer = TestPeer.dial(socket).hello();
        var stranger = TestPeer.dial(socket)) {
      Connection connection = next(greeter.connections);
      loop.close();
      assertThat(next(greeter.closed).reason()).isNull();
      assertThat(peer.bytesUntilClosed()).isZero();
      assertThat(stranger.bytesUntilClosed()).isZero();
      assertThat(connection.send(call(1))).isFalse();
      assertThat(socket).doesNotExist();
      assertThat(threads()).doesNotContain("terrarium-loop-test");
    }
    loop.close();
    assertThatThrownBy(() -> loop.listen(socket, greeter)).isInstanceOf(IOException.class);
    assertThat(socket).doesNotExist();
  }

  private static List<String> threads() {
    return Thread.getAllStackTraces().keySet().stream().map(Thread::getName).toList();
  }

  @Test
  void mayBeClosedByItsOwnThread(@TempDir Path directory) throws Exception {
    var other = EventLoop.start("suicidal");
    var last = new RecordingGreeter((_, _) -> other.close());
    Path path = directory.resolve("o");
    other.listen(path, last);
    try (var _ = TestPeer.dial(path).hello().send(result(1))) {
      next(last.closed);
      await().until(() -> !threads().contains("terrarium-loop-suicidal"));
      assertThat(Files.exists(path)).isFalse();
    }
  }

  @Test
  void saysAtOnceThatItCannotListen() {
    assertThatThrownBy(() -> loop.listen(socket, greeter)).isInstanceOf(IOException.class);
    assertThatThrownBy(() -> loop.listen(Path.of("/nowhere/at/all"), greeter))
        .isInstanceOf(IOException.class);
    assertThat(socket).exists();
  }

  @Test
  void waitsInsteadOfSpinningWhenThereAreNoDescriptors(@TempDir Path directory) throws Exception {
    String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
    String classes =
        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
    Process process =
        new ProcessBuilder(
                List.of(
                    "sh",
                    "-c",
                    "ulimit -n 100; exec \"$@\"",
                    "sh",
                    java,
                    "-XX:-MaxFDLimit",
                    "-Dtest.log=WARN",
                    "-cp",
                    classes,
                    NoDescriptorsLeft.class.getName(),
                    directory.resolve("n").toString()))
            .redirectErrorStream(true)
            .start();
    String output = new String(process.getInputStream().readAllBytes(), UTF_8);
    assertThat(output).contains("Nobody can connect").endsWith("calm\n");
    assertThat(process.waitFor()).isZero();
  }

  @Test
  void speaksWithPython() throws Exception {
    String program =
        """
        import socket, struct, sys
        s = socket.socket(socket.AF_UNIX)
        s.connect(sys.argv[1])
        s.sendall(struct.pack('>IBBHQ', 2, 1, 0, 0, 0) + b'{}')
        f = s.makefile('rb')
        while header := f.read(16):
            length, kind, flags, n, number = struct.unpack('>IBBHQ', header)
            s.sendall(struct.pack('>IBBHQ', length, 3, 0, n, number) + f.read(length))
        """;
    Process python =
        new ProcessBuilder("python3", "-c", program, socket.toString()).inheritIO().start();
    Connection connection = next(greeter.connections);
    for (int i = 0; i < 1_000; i++) {
      connection.send(call(i, new byte[] {1, 2, 3}));
      Frame frame = next(greeter.frames);
      assertThat(frame.id()).isEqualTo(i);
      assertThat(frame.attachments()).containsExactly(new byte[] {1, 2, 3});
    }
    connection.close();
    assertThat(python.waitFor(20, TimeUnit.SECONDS)).isTrue();
  }
}
