package dev.terrarium.wire;

import static dev.terrarium.wire.Limits.SLICE_BYTES;
import static java.nio.channels.SelectionKey.OP_READ;
import static java.nio.channels.SelectionKey.OP_WRITE;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.terrarium.base.Log;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.SocketChannel;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// One accepted connection for frames.
///
/// **Sending** is thread-safe and never blocks: the sender writes on his own thread when nothing is
/// queued, and what the socket does not take is finished by the loop. The channel is non-blocking,
/// so an interrupt of the sender does not close it. `outbox` is the lock of all that sending
/// touches; the only system call under it is a write that does not wait.
///
/// **Reading**, and everything else, happens on the loop's thread.
public final class Connection extends Watched {
  private static final Log log = Log.of(Connection.class);

  /// System calls for one connection before the others have their turn: 1 MiB.
  private static final int READS_MAX = 4;

  private static final int LAST_TURNS_MAX = 16;

  private final EventLoop loop;
  private final SocketChannel channel;
  private final SelectionKey key;

  private final Outbox outbox = new Outbox();

  /// INVARIANT: while it is true the channel is open and the key valid.
  @GuardedBy("outbox")
  private boolean open = true;

  /// Set by [#close]: nothing is delivered any more, though bytes may still be in the inbox.
  private volatile boolean abandoned;

  // Of the loop's thread:
  private final FrameDecoder decoder = new FrameDecoder(Peer.STRANGER);
  private final Consumer<Frame> sink = this::deliver;
  private final Greeter greeter;
  private final Strangers waiting;
  private volatile @Nullable FrameHandler handler;
  private boolean ended;

  /// Whoever it concerns knows that it has ended.
  private boolean told;

  /// @param waiting among whom it counts until it has been let in
  Connection(EventLoop loop, SocketChannel channel, Greeter greeter, Strangers waiting)
      throws IOException {
    this.loop = loop;
    this.channel = channel;
    this.greeter = greeter;
    this.waiting = waiting;
    this.key = loop.register(channel, OP_READ, this);
  }

  /// Sends `frame`, or as much of it as the socket takes now, and queues the rest; may be called by
  /// any thread. The queue has no limit of its own: see [#queuedBytes].
  ///
  /// @return false if the connection is closed or just broke, and the frame will not arrive; true
  ///   promises nothing: the other side may die before it reads
  public boolean send(OutgoingFrame frame) {
    return send(List.of(frame));
  }

  /// As [#send(OutgoingFrame)], for several that follow each other: as few writes as will do.
  public boolean send(List<OutgoingFrame> frames) {
    synchronized (outbox) {
      if (!open) {
        return false;
      }
      boolean loopIsWriting = !outbox.isEmpty();
      try {
        for (OutgoingFrame frame : frames) {
          outbox.add(frame);
        }
      } catch (VirtualMachineError e) {
        giveUp(); // half a frame may be queued
        return false;
      }
      return loopIsWriting || flush();
    }
  }

  /// Called with the lock held. Takes no memory, for it is memory that is missing.
  private void giveUp() {
    stopSending();
    loop.doom(this);
  }

  /// Whether what is sent may still arrive.
  public boolean takesFrames() {
    synchronized (outbox) {
      return open;
    }
  }

  /// What was sent and is not yet in the socket.
  public long queuedBytes() {
    synchronized (outbox) {
      return outbox.bytes();
    }
  }

  /// Closes the connection now: what is queued is dropped, no further frame is delivered, and the
  /// handler hears of it on the loop's thread. May be called by any thread, and twice.
  public void close() {
    abandoned = true;
    stopSending();
    loop.execute(() -> end(null));
  }

  /// Called with the lock held.
  private boolean flush() {
    Throwable failure;
    try {
      watch(outbox.flush(channel) ? OP_READ : OP_READ | OP_WRITE);
      return true;
    } catch (IOException | RuntimeException | Error e) {
      failure = e;
    }
    stopSending(); // first: half a frame may be out, and nothing can follow it
    try {
      loop.execute(this::readTheRest);
      complain(failure);
    } catch (VirtualMachineError e) {
      loop.doom(this);
    }
    return false;
  }

  // What is no fault of the connection's is that somebody freed the memory of an attachment, or
  // that there is none left to copy it.
  private void complain(Throwable failure) {
    if (failure instanceof IOException) {
      log.debug("{} cannot be written to", this, failure);
    } else {
      log.warn("{}: a frame cannot be written; closing", this, failure);
    }
  }

  private void watch(int operations) {
    if (key.interestOps() != operations) {
      key.interestOps(operations);
      loop.wakeUp();
    }
  }

  private void stopSending() {
    synchronized (outbox) {
      open = false;
      outbox.clear();
    }
  }

  @Override
  void ready() {
    if (key.isWritable()) {
      writeQueued();
    }
    if (key.isValid() && key.isReadable()) {
      read();
    }
  }

  private void writeQueued() {
    synchronized (outbox) {
      if (open) {
        flush();
      }
    }
  }

  /// A peer that is gone may have said something before it went. Its end of the socket held a few
  /// hundred KiB at most unless somebody raised the kernel's limits; a peer that goes on talking
  /// without listening is cut off.
  private void readTheRest() {
    for (int i = 0; i < LAST_TURNS_MAX && !ended; i++) {
      read();
    }
    end(null);
  }

  private void read() {
    try {
      int n = SLICE_BYTES;
      for (int i = 0; i < READS_MAX && n == SLICE_BYTES && !ended; i++) {
        n = receive();
      }
    } catch (ProtocolException e) {
      end(e);
    } catch (RuntimeException | Error e) {
      abandoned =
          true; // first: half a frame may be read, and what follows would be taken for its rest
      // An Error, too: an attachment for which there is no memory must not end the loop.
      log.error("{}: a frame could not be handled; closing", this, e);
      end(new ProtocolException("a frame could not be handled: " + e, e));
    }
  }

  private int receive() {
    var inbox = loop.inbox().clear();
    int n = readInto(inbox);
    if (n < 0) {
      end(decoder.unfinished().map(ProtocolException::cut).orElse(null));
    } else {
      decoder.feed(inbox.flip(), sink);
    }
    return n;
  }

  /// A connection that the other side reset has ended like any other.
  private int readInto(ByteBuffer inbox) {
    try {
      return channel.read(inbox);
    } catch (IOException e) {
      log.debug("{} cannot be read from", this, e);
      return -1;
    }
  }

  private void deliver(Frame frame) {
    if (ended || abandoned) {
      return;
    }
    FrameHandler known = handler;
    if (known == null) {
      greet(frame);
    } else {
      known.onFrame(frame);
    }
  }

  private void greet(Frame hello) {
    Peer peer = whoBeginsWith(hello.type());
    decoder.introduce(peer);
    try {
      handler = greeter.greet(this, hello);
      if (peer != Peer.ASKER) { // who asks is not let in, and has the same time for all of it
        waiting.remove(this);
      }
    } catch (RefusedException e) {
      end(new ProtocolException("refused: " + e.getMessage(), e));
    }
  }

  private static Peer whoBeginsWith(FrameType first) {
    return switch (first) {
      case WARDEN_HELLO -> Peer.WARDEN;
      case CONTROL -> Peer.ASKER;
      default -> Peer.WORKER;
    };
  }

  @Override
  void end(@Nullable ProtocolException why) {
    ended = true;
    stopSending();
    EventLoop.closeQuietly(channel);
    waiting.remove(this);
    if (!told) {
      tell(why);
      told = true; // after it: where there is no memory for it, it is told again
    }
  }

  private void tell(@Nullable ProtocolException why) {
    FrameHandler known = handler;
    if (known == null) {
      loop.strangerLeft(why);
      return;
    }
    try {
      known.onClosed(why);
    } catch (VirtualMachineError e) {
      throw e;
    } catch (RuntimeException | Error e) {
      log.error("{}: onClosed failed", this, e);
    }
  }

  @Override
  public String toString() {
    return handler == null ? "a new connection" : "the connection of " + handler;
  }
}
