package dev.terrarium.trials;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.terrarium.testkit.Procs;
import dev.terrarium.testkit.Procs.Proc;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
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
  private final boolean limits;

  private Shortage(long host, @Nullable Path cgroup, boolean root, boolean limits) {
    this.host = host;
    this.cgroup = cgroup;
    this.root = root;
    this.limits = limits;
  }

  /// @param host has no children yet
  static Shortage of(long host) {
    boolean root = field(host, "status", "Uid:").strip().startsWith("0\t");
    return new Shortage(host, cgroup(host), root, canLimit(host));
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
    List<Misfortune> missing = new ArrayList<>();
    if (cgroup == null && (root || !limits)) {
      missing.add(Misfortune.THREADS);
    }
    if (!limits) {
      missing.addAll(List.of(Misfortune.DESCRIPTORS, Misfortune.DISK));
    }
    return missing;
  }

  private static boolean canLimit(long host) {
    try {
      return prlimit(List.of("prlimit", "--pid=" + host)).isEmpty();
    } catch (IOException e) {
      return false; // there is no such command
    }
  }

  void begin(Misfortune what) {
    switch (what) {
      case THREADS -> limitThreads(true);
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

  void end(Misfortune what) {
    switch (what) {
      case THREADS -> limitThreads(false);
      case DESCRIPTORS -> lift("nofile", "open files");
      case DISK -> lift("fsize", "file size");
      default -> throw new IllegalArgumentException("" + what);
    }
  }

  /// Of all processes: those that were started meanwhile have inherited it, and so have those that
  /// are started just now.
  private void lift(String limit, String name) {
    Set<Long> lifted = new HashSet<>();
    List<Long> others = everybody();
    while (!others.isEmpty()) {
      others.forEach(pid -> limit(pid, limit, hard(pid, name)));
      lifted.addAll(others);
      others = everybody().stream().filter(pid -> !lifted.contains(pid)).toList();
    }
  }

  private List<Long> everybody() {
    return Stream.concat(Stream.of(host), Procs.descendants(host).stream().map(Proc::pid)).toList();
  }

  private long warden() {
    return Scene.warden(host).map(Proc::pid).orElse(host);
  }

  /// The lowest number that is free: there is no room below it.
  private static String descriptors(long pid) {
    try (Stream<Path> open = Files.list(Path.of("/proc/" + pid + "/fd"))) {
      Set<String> taken = open.map(it -> it.getFileName().toString()).collect(Collectors.toSet());
      return Stream.iterate(0, it -> it + 1)
          .map(String::valueOf)
          .filter(it -> !taken.contains(it))
          .findFirst()
          .orElseThrow();
    } catch (IOException e) {
      return "64"; // it is dying
    }
  }

  /// None at all, however many end meanwhile.
  private void limitThreads(boolean none) {
    if (cgroup != null) {
      try {
        Files.writeString(cgroup.resolve("pids.max"), none ? "0" : UNLIMITED);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    } else if (none) {
      everybody().forEach(pid -> limit(pid, "nproc", "0"));
    } else {
      lift("nproc", "processes");
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
  static void limit(long pid, String what, String soft) {
    var command = List.of("prlimit", "--pid=" + pid, "--" + what + "=" + soft + ":");
    try {
      Optional<String> failure = prlimit(command);
      if (failure.isPresent() && Procs.find(pid).filter(Proc::alive).isPresent()) {
        throw new IllegalStateException(command + " failed: " + failure.get());
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// What it says where it fails.
  private static Optional<String> prlimit(List<String> command) throws IOException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String said = new String(process.getInputStream().readAllBytes(), UTF_8).strip();
    try {
      return process.waitFor() == 0 ? Optional.empty() : Optional.of(said);
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
