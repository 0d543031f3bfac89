package dev.terrarium.cli.doctor;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.terrarium.base.Count;
import dev.terrarium.orphan.KnownRun;
import dev.terrarium.registry.RegistryException;
import dev.terrarium.registry.SocketsDirectory;
import dev.terrarium.warden.PythonHome;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// Where runtimes write: the state directory, the directory of sockets. Looks, and makes nothing.
final class PlaceChecks {
  private static final String HOME_REMEDY =
      "set TERRARIUM_HOME to a directory that this user can write";
  private static final long SPACE_NEEDED = 1 << 20;
  private static final long SPACE_WANTED = 64 << 20;
  private static final Duration LEFTOVER_AGE_MIN = Duration.ofMinutes(1);

  private PlaceChecks() {}

  static List<Finding> of(Path home, List<KnownRun> runs) {
    List<Finding> findings = new ArrayList<>();
    findings.add(state(home));
    findings.add(python(home));
    findings.add(space(home));
    findings.add(sockets());
    findings.add(leftovers(runs));
    return findings;
  }

  private static Finding state(Path home) {
    Path there = existing(home);
    if (!Files.isDirectory(there) || !Files.isWritable(there)) {
      return Finding.fail("state directory", there + " cannot be written", HOME_REMEDY);
    }
    if (!there.equals(home)) {
      return Finding.ok("state directory", home + " is not there yet; the first start makes it");
    }
    Path runs = home.resolve("runs");
    if (Files.exists(runs) && !(Files.isDirectory(runs) && Files.isWritable(runs))) {
      return Finding.fail("state directory", runs + " cannot be written", HOME_REMEDY);
    }
    return privacy(home);
  }

  private static Finding privacy(Path home) {
    try {
      Set<PosixFilePermission> permissions = Files.getPosixFilePermissions(home);
      boolean others = permissions.stream().anyMatch(it -> !it.name().startsWith("OWNER"));
      boolean own = Files.getOwner(home).equals(Files.getOwner(Path.of("/proc/self/stat")));
      if (!own) {
        return Finding.warn(
            "state directory",
            "%s belongs to user %s".formatted(home, Files.getOwner(home).getName()),
            HOME_REMEDY + " alone");
      }
      return others
          ? Finding.warn(
              "state directory", home + " can be entered by other users", "chmod 700 " + home)
          : Finding.ok("state directory", home.toString());
    } catch (IOException | UnsupportedOperationException e) {
      return Finding.warn("state directory", home + " does not say whose it is: " + e, HOME_REMEDY);
    }
  }

  /// What every start runs. One file too few, or one byte too many, and none works: so a start
  /// mends them, which does not help for long where somebody goes on cleaning them up.
  private static Finding python(Path home) {
    PythonHome files = PythonHome.locate(home);
    Optional<String> open = files.objection();
    if (open.isPresent()) {
      return Finding.fail(
          "python files",
          open.get(),
          "chmod 700 it if nobody else has written to it, else remove it; a start makes it again");
    }
    if (!Files.isDirectory(files.directory())) {
      return Finding.ok(
          "python files", files.directory() + " is not there yet; the first start makes it");
    }
    List<String> damaged = files.damaged();
    return damaged.isEmpty()
        ? Finding.ok("python files", files.directory().toString())
        : Finding.warn(
            "python files",
            "missing or altered: %d of %d in %s: %s"
                .formatted(
                    damaged.size(), files.size(), files.directory(), String.join(", ", damaged)),
            "the next start unpacks them again, and a living runtime within its auditInterval; keep"
                + " what cleans old files up (tmpreaper, systemd-tmpfiles, cron) away from there");
  }

  private static Finding space(Path home) {
    Path there = existing(home);
    try {
      var store = Files.getFileStore(there);
      long free = store.getUsableSpace();
      String detail = "%,d MiB free on %s (%s)".formatted(free >> 20, store.name(), store.type());
      if (store.type().startsWith("nfs")) {
        return Finding.warn(
            "disk",
            detail + "; locks over a network end later than their holders",
            "set TERRARIUM_HOME to a local directory");
      }
      if (free < SPACE_NEEDED) {
        return Finding.fail(
            "disk",
            detail + "; a worker that cannot be written down is not started",
            "free space there, or " + HOME_REMEDY);
      }
      return free < SPACE_WANTED
          ? Finding.warn("disk", detail, "free space there, or " + HOME_REMEDY)
          : Finding.ok("disk", detail);
    } catch (IOException e) {
      return Finding.warn("disk", "free space cannot be told: " + e.getMessage(), HOME_REMEDY);
    }
  }

  /// The nearest that is there.
  private static Path existing(Path path) {
    Path at = path;
    while (!Files.exists(at) && at.getParent() != null) {
      at = at.getParent();
    }
    return at;
  }

  private static Finding sockets() {
    Path place = SocketsDirectory.place();
    String wanted = System.getenv().getOrDefault("XDG_RUNTIME_DIR", "");
    try {
      int bytes = SocketsDirectory.choose().toString().getBytes(UTF_8).length + 2;
      String detail =
          "%s, paths of up to %d bytes of %d"
              .formatted(place, bytes, SocketsDirectory.SOCKET_PATH_BYTES_MAX);
      if (!Files.isDirectory(place) || !Files.isWritable(place)) {
        return Finding.fail(
            "sockets",
            place + " cannot be written",
            "set XDG_RUNTIME_DIR or java.io.tmpdir to one that can");
      }
      return wanted.isEmpty() || place.equals(Path.of(wanted).normalize())
          ? Finding.ok("sockets", detail)
          : Finding.warn(
              "sockets",
              detail + ", since XDG_RUNTIME_DIR (%s) cannot be written".formatted(wanted),
              "make it, as `loginctl enable-linger` does, or leave it unset");
    } catch (RegistryException e) {
      return Finding.fail("sockets", "the path is too long", String.valueOf(e.getMessage()));
    }
  }

  /// Directories of sockets that nobody listens at and that no run here has: of runtimes that died
  /// and whose state directory is gone.
  private static Finding leftovers(List<KnownRun> runs) {
    Set<Path> known =
        runs.stream()
            .flatMap(it -> it.manifest().stream())
            .map(it -> it.sockets())
            .collect(Collectors.toSet());
    List<Path> left =
        SocketsDirectory.existing().stream()
            .filter(it -> !known.contains(it) && isLeftover(it))
            .toList();
    return left.isEmpty()
        ? Finding.ok("temporary files", "none left in " + SocketsDirectory.place())
        : Finding.warn(
            "temporary files",
            "%s of sockets that nobody listens at"
                .formatted(Count.grouped(left.size(), "directory", "directories")),
            "rm -r " + left.stream().map(Path::toString).collect(Collectors.joining(" ")));
  }

  private static boolean isLeftover(Path directory) {
    try (Stream<Path> entries = Files.list(directory)) {
      List<Path> inside = entries.toList();
      boolean old =
          Files.getLastModifiedTime(directory)
              .toInstant()
              .isBefore(Instant.now().minus(LEFTOVER_AGE_MIN));
      return old && inside.stream().allMatch(it -> isSocket(it) && !isHeard(it));
    } catch (IOException e) {
      return false;
    }
  }

  private static boolean isSocket(Path file) {
    return !Files.isDirectory(file) && !Files.isRegularFile(file) && !Files.isSymbolicLink(file);
  }

  /// Non-blocking: where the queue is full somebody has made it.
  private static boolean isHeard(Path socket) {
    try (SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX)) {
      channel.configureBlocking(false);
      boolean _ = channel.connect(UnixDomainSocketAddress.of(socket));
      return true;
    } catch (IOException e) {
      return false;
    }
  }
}
