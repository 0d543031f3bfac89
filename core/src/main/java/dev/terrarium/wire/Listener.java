package dev.terrarium.wire;

import static java.nio.channels.SelectionKey.OP_ACCEPT;

import dev.terrarium.base.Log;
import dev.terrarium.process.Descriptors;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.SelectionKey;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.nio.file.attribute.UserPrincipal;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import jdk.net.ExtendedSocketOptions;
import org.jspecify.annotations.Nullable;

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

  private static final Log log = Log.of(Listener.class);

  private final Path socket;
  private final Path directory;
  private ServerSocketChannel channel;
  private final UserPrincipal owner;
  private final Door door;
  private final Throttle throttle = new Throttle(log);
  // What is said is made beforehand: there may be no memory when it is to be said.
  private final String refused;
  private final String unavailable;

  private @Nullable SelectionKey key;
  private boolean paused;
  private long resumeNanos;

  /// Which file it is, of whoever binds: at first, and again.
  private Object file;

  private Listener(
      Path socket,
      Path directory,
      ServerSocketChannel channel,
      UserPrincipal owner,
      Door door,
      Object file) {
    this.socket = socket;
    this.directory = directory;
    this.channel = channel;
    this.owner = owner;
    this.door = door;
    this.file = file;
    this.refused = "Connection to " + socket + " closed";
    this.unavailable = "Nobody can connect to " + socket + " for a moment";
  }

  /// Binds at once, in the caller's thread, so that a failure is the caller's.
  static Listener bind(Path socket, Door door) throws IOException {
    ServerSocketChannel channel = open(socket);
    try {
      Path directory = Objects.requireNonNull(socket.toAbsolutePath().getParent());
      return new Listener(socket, directory, channel, Files.getOwner(socket), door, fileAt(socket));
    } catch (IOException | RuntimeException e) {
      channel.close();
      throw e;
    }
  }

  private static ServerSocketChannel open(Path socket) throws IOException {
    ServerSocketChannel channel = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    try {
      channel.bind(UnixDomainSocketAddress.of(socket), BACKLOG).configureBlocking(false);
      Files.setPosixFilePermissions(socket, PosixFilePermissions.fromString("rw-------"));
      return channel;
    } catch (IOException | RuntimeException e) {
      channel.close();
      throw e;
    }
  }

  private static Object fileAt(Path socket) throws IOException {
    return Files.readAttributes(socket, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS)
        .fileKey();
  }

  /// Whether whoever dials its path finds it: somebody may have removed the file, which closes
  /// nothing.
  boolean isThere() {
    try {
      return file.equals(fileAt(socket));
    } catch (IOException e) {
      return false;
    }
  }

  /// Binds its path again, as in the beginning. For one thread at a time.
  ///
  /// @throws ClosedChannelException if the loop has ended
  void bindAgain(EventLoop loop) throws IOException {
    Files.deleteIfExists(socket);
    ServerSocketChannel next = open(socket);
    file = fileAt(socket);
    if (!loop.execute(() -> exchange(loop, next))) {
      EventLoop.closeQuietly(next);
      Files.deleteIfExists(socket);
      throw new ClosedChannelException();
    }
  }

  private void exchange(EventLoop loop, ServerSocketChannel next) {
    ready(); // who dialled the old one in time is let in
    EventLoop.closeQuietly(channel);
    channel = next;
    paused = false;
    try {
      register(loop);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  Path socket() {
    return socket;
  }

  void register(EventLoop loop) throws IOException {
    key = loop.register(channel, OP_ACCEPT, this);
  }

  @Override
  void ready() {
    try {
      accept();
    } catch (Throwable e) {
      pause(e);
    }
  }

  private void accept() throws IOException {
    var accepted = new ArrayList<SocketChannel>();
    try {
      SocketChannel next = channel.accept();
      while (next != null) {
        accepted.add(next);
        next = accepted.size() < ACCEPTS_MAX ? channel.accept() : null;
      }
    } finally {
      if (!accepted.isEmpty()) {
        admit(accepted);
      }
    }
  }

  private void admit(List<SocketChannel> accepted) {
    try {
      Descriptors.closeOnExec(directory);
    } finally {
      accepted.forEach(this::admit);
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
      throttle.warn(refused, e);
    }
  }

  // Takes no memory: where it is memory that is missing, the socket must stay open all the same.
  private void pause(Throwable e) {
    paused = true;
    resumeNanos = System.nanoTime() + PAUSE_NANOS;
    watch(0);
    throttle.warn(unavailable, e);
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
