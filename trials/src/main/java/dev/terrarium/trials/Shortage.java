package dev.terrarium.trials;

import dev.terrarium.testkit.Procs;
import dev.terrarium.testkit.Procs.Proc;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// Takes descriptors, disk, threads and processes from a host that runs, and gives them back: by
/// the soft limits of its processes, and by a cgroup of its own for the last, or, for users who are
/// not root, by the limit of their processes.
///
/// For one thread.
final class Shortage implements AutoCloseable {
  private static final Path CGROUPS = Path.of("/sys/fs/cgroup");
  private static final String UNLIMITED = "max";

  private final long host;
  private final @Nullable Path cgroup;
  private final boolean root;

  private Shortage(long host, @Nullable Path cgroup, boolean root) {
    this.host = host;
    this.cgroup = cgroup;
    this.root = root;
  }

  /// @param host has no children yet
  static Shortage of(long host) {
    return new Shortage(
        host, cgroup(host), field(host, "status", "Uid:").strip().startsWith("0\t"));
  }

  private static @Nullable Path cgroup(long host) {
    for (Path parent : List.of(CGROUPS.resolve("pids"), CGROUPS)) {
      Path made = parent.resolve("trial-" + UUID.randomUUID());
      try {
        Files.createDirectory(made);
        if (Files.exists(made.resolve("pids.max"))) {
          Files.writeString(made.resolve("cgroup.procs"), Long.toString(host));
          return made;
        }
        Files.delete(made);
      } catch (IOException e) {
        // not ours to make: the next one
      }
    }
    return null;
  }

  /// What cannot run out on this machine.
  List<Misfortune> missing() {
    return cgroup == null && root ? List.of(Misfortune.THREADS) : List.of();
  }

  void begin(Misfortune what) {
    switch (what) {
      case THREADS -> limitThreads(Optional.of(threads()));
      case DESCRIPTORS -> {
        for (long pid : List.of(host, warden())) {
          limit(pid, "nofile", descriptors(pid));
        }
      }
      case DISK -> {
        for (long pid : List.of(host, warden())) {
          limit(pid, "fsize", "0");
        }
      }
      default -> throw new IllegalArgumentException("" + what);
    }
  }

  /// Of all processes: those that were started meanwhile have inherited it.
  void end(Misfortune what) {
    switch (what) {
      case THREADS -> limitThreads(Optional.empty());
      case DESCRIPTORS -> everybody().forEach(pid -> limit(pid, "nofile", hard(pid, "open files")));
      case DISK -> everybody().forEach(pid -> limit(pid, "fsize", "unlimited"));
      default -> throw new IllegalArgumentException("" + what);
    }
  }

  private Stream<Long> everybody() {
    return Stream.concat(Stream.of(host), Procs.descendants(host).stream().map(Proc::pid));
  }

  private long warden() {
    return Scene.warden(host).map(Proc::pid).orElse(host);
  }

  private static String descriptors(long pid) {
    try (Stream<Path> open = Files.list(Path.of("/proc/" + pid + "/fd"))) {
      return Long.toString(open.count());
    } catch (IOException e) {
      return "64"; // it is dying
    }
  }

  private long threads() {
    return everybody()
        .mapToLong(pid -> Long.parseLong(field(pid, "status", "Threads:").strip()))
        .sum();
  }

  private void limitThreads(Optional<Long> most) {
    if (cgroup != null) {
      try {
        String text =
            most.isPresent() ? Files.readString(cgroup.resolve("pids.current")) : UNLIMITED;
        Files.writeString(cgroup.resolve("pids.max"), text.strip());
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    } else if (!root) {
      String soft = most.map(String::valueOf).orElseGet(() -> hard(host, "processes"));
      everybody().forEach(pid -> limit(pid, "nproc", soft));
    }
  }

  /// The hard limit of a process.
  private static String hard(long pid, String what) {
    return Stream.of(field(pid, "limits", "Max " + what).strip().split(" +"))
        .skip(1)
        .findFirst()
        .orElse("unlimited");
  }

  private static String field(long pid, String file, String name) {
    try (Stream<String> lines = Files.lines(Path.of("/proc/" + pid + "/" + file))) {
      return lines
          .filter(line -> line.startsWith(name))
          .map(line -> line.substring(name.length()))
          .findFirst()
          .orElse("0");
    } catch (IOException | UncheckedIOException e) {
      return "0"; // it is gone
    }
  }

  /// The soft limit; nothing where the process is gone.
  private static void limit(long pid, String what, String soft) {
    try {
      var command = List.of("prlimit", "--pid=" + pid, "--" + what + "=" + soft + ":");
      Process process =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .start();
      if (!process.waitFor(1, TimeUnit.MINUTES)) {
        throw new AssertionError(command + " does not end");
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  /// Removes the cgroup, when nobody is in it any more.
  @Override
  public void close() {
    Path made = cgroup;
    if (made != null) {
      boolean _ = Until.holds(() -> removed(made), Duration.ofSeconds(20));
    }
  }

  private static boolean removed(Path made) {
    try {
      Files.delete(made);
      return true;
    } catch (NoSuchFileException e) {
      return true;
    } catch (IOException e) {
      return false; // somebody is still dying in it
    }
  }
}
