package dev.terrarium.control;

import static java.net.StandardProtocolFamily.UNIX;

import dev.terrarium.json.Fields;
import dev.terrarium.registry.RunManifest;
import dev.terrarium.wire.EventLoop;
import dev.terrarium.wire.Frame;
import dev.terrarium.wire.FrameDecoder;
import dev.terrarium.wire.FrameType;
import dev.terrarium.wire.Messages;
import dev.terrarium.wire.OutgoingFrame;
import dev.terrarium.wire.Peer;
import dev.terrarium.wire.ProtocolException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.UserPrincipal;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import jdk.net.ExtendedSocketOptions;

/// Asks hosts. What answers may be anything, or nobody: whatever it does costs the caller a bounded
/// time and a bounded amount of memory.
public final class ControlClient {
  /// How long a host may take; it gives up an answer that takes longer itself.
  public static final Duration TIMEOUT = EventLoop.QUESTION_TIMEOUT;

  static final String STATUS = "status";

  private static final int BUFFER_BYTES = 1 << 16;

  private ControlClient() {}

  /// Asks the host of a run how it is, and waits for the answer.
  public static Reply status(RunManifest run) {
    return status(run, TIMEOUT);
  }

  /// As [#status(RunManifest)].
  ///
  /// @param timeout for all of it
  public static Reply status(RunManifest run, Duration timeout) {
    try {
      Frame answer = ask(run.sockets().resolve(ControlServer.SOCKET), STATUS, timeout);
      return Messages.controlAnswer(answer, fields -> reply(fields, run));
    } catch (ProtocolException e) {
      return new Reply.Silent("what answered is no host: " + e.getMessage());
    } catch (IOException | UnsupportedOperationException e) {
      return new Reply.Silent(String.valueOf(e.getMessage()));
    }
  }

  private static Reply reply(Fields fields, RunManifest run) {
    return fields.has("error")
        ? new Reply.Silent("it said: " + fields.text("error"))
        : new Reply.Answered(HostStatus.read(fields, run.identity()));
  }

  /// Non-blocking, since a blocking channel of this family knows no timeout.
  private static Frame ask(Path socket, String question, Duration timeout) throws IOException {
    long end = System.nanoTime() + timeout.toNanos();
    try (Selector selector = Selector.open();
        SocketChannel channel = SocketChannel.open(UNIX)) {
      channel.configureBlocking(false);
      connect(channel, socket);
      send(channel, Messages.frame(0, new Messages.Control(question)));
      channel.register(selector, SelectionKey.OP_READ);
      return receive(channel, selector, end, timeout);
    }
  }

  private static void connect(SocketChannel channel, Path socket) throws IOException {
    // It never has to be waited for: either somebody listens, and has room, or not.
    if (!channel.connect(UnixDomainSocketAddress.of(socket))) {
      throw new IOException("too many wait to be heard at " + socket);
    }
    UserPrincipal user = channel.getOption(ExtendedSocketOptions.SO_PEERCRED).user();
    if (!user.equals(Files.getOwner(Path.of("/proc/self/stat")))) {
      throw new IOException("%s belongs to user %s".formatted(socket, user.getName()));
    }
  }

  /// A question is much smaller than what a fresh socket takes.
  private static void send(SocketChannel channel, OutgoingFrame question) throws IOException {
    for (ByteBuffer bytes : question.buffers()) {
      try {
        channel.write(bytes);
      } catch (IOException e) {
        throw new IOException("it hung up before it was asked; too many others may be asking", e);
      }
      if (bytes.hasRemaining()) {
        throw new IOException("the question could not be sent");
      }
    }
  }

  private static Frame receive(SocketChannel channel, Selector selector, long end, Duration timeout)
      throws IOException {
    var decoder = new FrameDecoder(Peer.JVM);
    List<Frame> answers = new ArrayList<>();
    ByteBuffer buffer = ByteBuffer.allocate(BUFFER_BYTES);
    for (long total = 0; answers.isEmpty(); total += buffer.limit()) {
      if (total > ControlServer.ANSWER_BYTES_MAX + BUFFER_BYTES) {
        throw new IOException("the answer does not end");
      }
      awaitBytes(selector, end, timeout);
      if (channel.read(buffer.clear()) < 0) {
        throw new IOException("the connection was closed without an answer");
      }
      decoder.feed(buffer.flip(), answers::add);
    }
    return requireAnswer(answers.getFirst());
  }

  private static void awaitBytes(Selector selector, long end, Duration timeout) throws IOException {
    long millis = TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime());
    int ready = millis <= 0 ? 0 : selector.select(millis);
    selector.selectedKeys().clear();
    if (Thread.currentThread().isInterrupted()) {
      throw new InterruptedIOException("interrupted while it was asked");
    }
    if (ready == 0) {
      throw new IOException(
          "no answer came within %d ms; its host is stopped or too busy, ask again later"
              .formatted(timeout.toMillis()));
    }
  }

  private static Frame requireAnswer(Frame frame) {
    if (frame.type() != FrameType.CONTROL_ANSWER) {
      throw new ProtocolException("a %s is no answer".formatted(frame));
    }
    return frame;
  }
}
