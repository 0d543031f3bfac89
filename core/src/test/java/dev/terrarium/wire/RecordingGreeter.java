package dev.terrarium.wire;

import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/// Lets everybody in and remembers what came.
final class RecordingGreeter implements Greeter {
  record Closed(@Nullable ProtocolException reason, Thread thread) {}

  final BlockingQueue<Connection> connections = new LinkedBlockingQueue<>();
  final BlockingQueue<Frame> frames = new LinkedBlockingQueue<>();
  final BlockingQueue<Closed> closed = new LinkedBlockingQueue<>();
  private final BiConsumer<Connection, Frame> onFrame;

  RecordingGreeter() {
    this((_, _) -> {});
  }

  RecordingGreeter(BiConsumer<Connection, Frame> onFrame) {
    this.onFrame = onFrame;
  }

  @Override
  public FrameHandler greet(Connection connection, Frame hello) {
    connections.add(connection);
    return new FrameHandler() {
      @Override
      public void onFrame(Frame frame) {
        frames.add(frame);
        onFrame.accept(connection, frame);
      }

      @Override
      public void onClosed(@Nullable ProtocolException reason) {
        closed.add(new Closed(reason, Thread.currentThread()));
      }

      @Override
      public String toString() {
        return "a test's worker";
      }
    };
  }

  static <T> T next(BlockingQueue<T> queue) throws InterruptedException {
    T next = queue.poll(20, TimeUnit.SECONDS);
    if (next == null) {
      throw new AssertionError("nothing came");
    }
    return next;
  }
}
