package dev.terrarium.registry;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.terrarium.base.Log;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;

/// The directory of a run's sockets. It lies outside of the run's own, because a socket's path has
/// room for 104 bytes only.
public final class SocketsDirectory {
  /// `sun_path` holds 108 bytes; other systems have 104, and a margin costs nothing.
  public static final int SOCKET_PATH_BYTES_MAX = 103;

  /// How long somebody may still listen who is dying: the kernel closes a process's descriptors one
  /// after the other, its lock perhaps before its sockets (`exit_files`), and on a loaded machine
  /// there is time in between.
  static final Duration DYING_MAX = Duration.ofSeconds(1);

  private static final long PAUSE_NANOS = 5_000_000;
  private static final Log LOG = Log.of(SocketsDirectory.class);
  static final String PREFIX = "terrarium-";
  private static final int SOCKET_NAME_BYTES = 2; // a slash and a letter

  private SocketsDirectory() {}

  /// A path that nobody has, and that is short enough for sockets in it; nothing is made. Random,
  /// because a name that two hosts share would make one end the other's workers.
  ///
  /// @throws RegistryException if it would be too long
  public static Path choose() {
    long name = new SecureRandom().nextLong() >>> 16;
    Path directory = place().resolve(PREFIX + Long.toString(name, Character.MAX_RADIX));
    int length = directory.toString().getBytes(UTF_8).length + SOCKET_NAME_BYTES;
    if (length > SOCKET_PATH_BYTES_MAX) {
      throw new RegistryException(
          directory,
          "a socket's path there has %d bytes, more than %d"
              .formatted(length, SOCKET_PATH_BYTES_MAX),
          "set XDG_RUNTIME_DIR or java.io.tmpdir to a shorter one");
    }
    return directory;
  }

  /// Where directories of sockets are made: `XDG_RUNTIME_DIR`, else the temporary directory.
  public static Path place() {
    Path chosen = Path.of(System.getenv().getOrDefault("XDG_RUNTIME_DIR", ""));
    Path place = chosen.isAbsolute() && Files.isWritable(chosen) ? chosen : temporary();
    return place.normalize();
  }

  /// What is said where a run's sockets cannot be made: which setting chose the place, and which
  /// others would.
  public static RegistryException refused(Path directory, IOException why) {
    return refused(directory, why, System.getenv().getOrDefault("XDG_RUNTIME_DIR", ""));
  }

  static RegistryException refused(Path directory, IOException why, String xdg) {
    boolean chosen = !xdg.isEmpty() && directory.startsWith(Path.of(xdg).normalize());
    String remedy =
        chosen
            ? "set XDG_RUNTIME_DIR to another directory, that this user can write and that has"
                + " room; without it the temporary directory is taken (-Djava.io.tmpdir)"
            : "set XDG_RUNTIME_DIR to a directory that this user can write and that has room, or"
                + " start the JVM with -Djava.io.tmpdir=DIR";
    String passedOver =
        chosen || xdg.isEmpty()
            ? ""
            : "; XDG_RUNTIME_DIR is %s, which cannot be written either".formatted(xdg);
    return new RegistryException(
        directory, "the runtime's sockets cannot be made", remedy + passedOver, why);
  }

  private static Path temporary() {
    return Path.of(System.getProperty("java.io.tmpdir")).toAbsolutePath();
  }

  /// What this user has that is named like one, in either place; whether it is in use does not
  /// show.
  public static List<Path> existing() {
    return Stream.of(place(), temporary().normalize())
        .distinct()
        .flatMap(it -> named(it).stream())
        .filter(OwnFiles::isOwn)
        .sorted()
        .toList();
  }

  private static List<Path> named(Path place) {
    try (Stream<Path> entries = Files.list(place)) {
      return entries.filter(SocketsDirectory::hasName).toList();
    } catch (IOException | UncheckedIOException e) {
      return List.of(); // what does not let us in holds nothing of ours
    }
  }

  /// @throws IllegalArgumentException if the name is none that [#remove(Path)] would touch
  static Path requireName(Path directory) {
    if (!hasName(directory)) {
      throw new IllegalArgumentException(
          "the sockets need an absolute path to a directory named %s…, not %s"
              .formatted(PREFIX, directory));
    }
    return directory;
  }

  private static boolean hasName(Path directory) {
    Path name = directory.getFileName();
    return directory.isAbsolute()
        && directory.equals(directory.normalize())
        && name != null
        && name.toString().startsWith(PREFIX);
  }

  /// Removes that of a dead run, as far as it is what it should be: what a file says is no proof,
  /// and a `run.json` that somebody changed must neither make us remove anything else, nor take its
  /// sockets from a runtime that lives. So where somebody listens, and goes on, all stays, and so
  /// does what is no socket.
  static void removeDead(Path directory) {
    if (!hasName(directory) || !OwnFiles.isOwn(directory)) {
      return;
    }
    long end = System.nanoTime() + DYING_MAX.toNanos();
    try (Stream<Path> entries = Files.list(directory)) {
      List<Path> inside = entries.toList();
      if (inside.stream().allMatch(it -> isSocket(it) && isSilent(it, end))) {
        OwnFiles.remove(directory);
      } else {
        LOG.warn("{} stays: somebody listens in it, or it holds more than sockets", directory);
      }
    } catch (IOException | UncheckedIOException e) {
      LOG.warn("{} cannot be removed", directory, e);
    }
  }

  private static boolean isSocket(Path file) {
    try {
      var attributes =
          Files.readAttributes(file, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
      return attributes.isOther();
    } catch (IOException e) {
      return false;
    }
  }

  /// Whether nobody listens, or one who dies and hangs up. Non-blocking: where the queue is full
  /// somebody has made it.
  private static boolean isSilent(Path socket, long end) {
    while (true) {
      try (SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX)) {
        channel.configureBlocking(false);
        boolean connected = channel.connect(UnixDomainSocketAddress.of(socket));
        do {
          if (System.nanoTime() >= end) {
            return false;
          }
          LockSupport.parkNanos(PAUSE_NANOS);
        } while (!connected || channel.read(ByteBuffer.allocate(1)) >= 0);
      } catch (IOException | UnsupportedOperationException e) {
        return true; // refused, or reset: whoever was to accept it is gone
      }
    }
  }

  /// Removes a runtime's own, if by its name and owner it is what it should be.
  static void remove(Path directory) {
    if (!hasName(directory) || !OwnFiles.isOwn(directory)) {
      return;
    }
    try {
      OwnFiles.remove(directory);
    } catch (IOException e) {
      LOG.warn("{} cannot be removed", directory, e);
    }
  }
}
