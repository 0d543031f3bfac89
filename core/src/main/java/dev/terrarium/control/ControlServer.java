package dev.terrarium.control;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.terrarium.base.Log;
import dev.terrarium.json.PlainJson;
import dev.terrarium.wire.Connection;
import dev.terrarium.wire.Frame;
import dev.terrarium.wire.FrameHandler;
import dev.terrarium.wire.FrameType;
import dev.terrarium.wire.Greeter;
import dev.terrarium.wire.Messages;
import dev.terrarium.wire.OutgoingFrame;
import dev.terrarium.wire.ProtocolException;
import dev.terrarium.wire.RefusedException;
import java.util.Map;
import java.util.concurrent.Semaphore;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// The host's end of its control socket: takes questions of its own user, and answers each on a
/// thread of its own, since looking at processes takes longer than frames may wait.
///
/// Nothing is changed by a question. How many connections there are, and how long each may last, is
/// the event loop's to limit; how many threads work for them is limited here, since one that hangs
/// outlives its connection.
public final class ControlServer implements Greeter {
  /// The socket's name in the directory of sockets.
  public static final String SOCKET = "c";

  /// Questions that are answered at the same time; further ones are told so.
  static final int ANSWERS_MAX = 4;

  /// Enough for some 40,000 workers.
  static final int ANSWER_BYTES_MAX = 16 << 20;

  private static final Log LOG = Log.of(ControlServer.class);

  private final String run;
  private final Supplier<HostStatus> status;
  private final Semaphore free = new Semaphore(ANSWERS_MAX);

  /// @param status called by any thread, several at a time
  public ControlServer(String run, Supplier<HostStatus> status) {
    this.run = run;
    this.status = status;
  }

  @Override
  public FrameHandler greet(Connection connection, Frame first) throws RefusedException {
    if (first.type() != FrameType.CONTROL) {
      throw new RefusedException("at the control socket only questions are taken");
    }
    String question = Messages.control(first).ask();
    if (free.tryAcquire()) {
      answerAsideIfPossible(connection, question);
    } else {
      connection.send(
          error("%d other questions are being answered; ask again".formatted(ANSWERS_MAX)));
    }
    return new Asker();
  }

  // Whoever asks may be the one who looks for why there are no threads left.
  private void answerAsideIfPossible(Connection connection, String question) {
    try {
      answerAside(connection, question);
    } catch (OutOfMemoryError e) {
      connection.send(error("this JVM can start no thread to answer: " + e.getMessage()));
    }
  }

  private void answerAside(Connection connection, String question) {
    boolean started = false;
    try {
      Thread.ofPlatform()
          .daemon()
          .name("terrarium-control-" + run)
          .start(() -> answer(connection, question));
      started = true;
    } finally {
      if (!started) {
        free.release();
      }
    }
  }

  private void answer(Connection connection, String question) {
    try {
      connection.send(answer(question));
    } catch (Throwable e) {
      LOG.warn("Run {}: the question '{}' could not be answered", run, question, e);
      connection.send(error("it failed: " + e));
    } finally {
      free.release();
    }
  }

  private OutgoingFrame answer(String question) {
    return question.equals(ControlClient.STATUS)
        ? frame(status.get().fields())
        : error("only '%s' is answered".formatted(ControlClient.STATUS));
  }

  private static OutgoingFrame error(String problem) {
    // What an exception quotes may hold halves of characters, which have no form in UTF-8.
    String writable = new String(problem.getBytes(UTF_8), UTF_8);
    return frame(Map.of("error", writable));
  }

  private static OutgoingFrame frame(Map<String, ?> fields) {
    byte[] json = PlainJson.bytes(fields, ANSWER_BYTES_MAX);
    return OutgoingFrame.of(FrameType.CONTROL_ANSWER, 0, json);
  }

  /// Has nothing more to say.
  private static final class Asker implements FrameHandler {
    @Override
    public void onFrame(Frame frame) {}

    @Override
    public void onClosed(@Nullable ProtocolException reason) {}

    @Override
    public String toString() {
      return "somebody who asks";
    }
  }
}
