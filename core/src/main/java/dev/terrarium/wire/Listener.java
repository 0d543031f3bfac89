package dev.terrarium.wire;

import static java.nio.channels.SelectionKey.OP_ACCEPT;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SelectionKey;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.UserPrincipal;
import java.util.concurrent.TimeUnit;
import jdk.net.ExtendedSocketOptions;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// A socket that accepts. Each connection is checked for its user and then shown in.
final class Listener extends Watched {
  /// Who takes the accepted, non-blocking channel; one that throws gets it closed.
  @FunctionalInterface
  interface Door {
    void enter(SocketChannel channel) throws IOException;
  }

  /// As many as a pool starts at once must fit before the loop comes round to accepting them.
  private static final int BACKLOG = 1_024;

  /// Connections accepted before everybody else has a turn.
  private static final int ACCEPTS_MAX = 64;

  /// How long nobody is accepted after a failure: with no descriptor left the socket stays ready,
  /// and the loop would spin.
  static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

  private static final Logger log = LoggerFactory.getLogger(Listener.class);

  private final Path socket;
  private final ServerSocketChannel channel;
  private final UserPrincipal owner;
  private final Door door;
  private final Throttle throttle = new Throttle(log);
  private @Nullable SelectionKey key;
  private boolean paused;
  private long resumeNanos;

  private Listener(Path socket, ServerSocketChannel channel, UserPrincipal owner, Door door) {
    this.socket = socket;
    this.channel = channel;
    this.owner = owner;
    this.door = door;
  }

  /// Binds at once, in the caller's thread, so that a failure is the caller's.
  static Listener bind(Path socket, Door door) throws IOException {
    ServerSocketChannel channel = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    try {
      channel.bind(UnixDomainSocketAddress.of(socket), BACKLOG).configureBlocking(false);
      return new Listener(socket, channel, Files.getOwner(socket), door);
    } catch (IOException | RuntimeException e) {
      channel.close();
      throw e;
    }
  }

  void register(EventLoop loop) throws IOException {
    key = loop.register(channel, OP_ACCEPT, this);
  }

  @Override
  void ready() {
    try {
      for (int i = 0; i < ACCEPTS_MAX; i++) {
        SocketChannel accepted = channel.accept();
        if (accepted == null) {
          return;
        }
        admit(accepted);
      }
    } catch (IOException | RuntimeException | Error e) {
      pause(e);
    }
  }

  private void admit(SocketChannel accepted) {
    try {
      UserPrincipal user = accepted.getOption(ExtendedSocketOptions.SO_PEERCRED).user();
      if (!user.equals(owner)) {
        throw new IOException("it belongs to user " + user.getName() + ", not " + owner.getName());
      }
      accepted.configureBlocking(false);
      door.enter(accepted);
    } catch (IOException | RuntimeException | Error e) {
      EventLoop.closeQuietly(accepted);
      throttle.warn("Connection to " + socket + " closed", e);
    }
  }

  private void pause(Throwable e) {
    throttle.warn("Nobody can connect to " + socket + " for a moment", e);
    paused = true;
    resumeNanos = System.nanoTime() + PAUSE_NANOS;
    watch(0);
  }

  long nanosToResume(long now) {
    return paused ? resumeNanos - now : Long.MAX_VALUE;
  }

  void resumeWhenDue(long now) {
    if (paused && resumeNanos - now <= 0) {
      paused = false;
      watch(OP_ACCEPT);
    }
  }

  private void watch(int operations) {
    if (key != null && key.isValid()) {
      key.interestOps(operations);
    }
  }

  @Override
  void end(@Nullable ProtocolException why) {
    EventLoop.closeQuietly(channel);
    try {
      Files.deleteIfExists(socket);
    } catch (IOException e) {
      log.warn("Socket {} is left behind: {}", socket, e.toString());
    }
  }
}
