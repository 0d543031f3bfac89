package dev.terrarium.testkit;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.nio.file.StandardWatchEventKinds.ENTRY_CREATE;

import dev.terrarium.testkit.Procs.Proc;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.WatchEvent;
import java.nio.file.WatchKey;
import java.nio.file.WatchService;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// Where everybody on this machine may put something: shared memory, and the cgroup that this JVM
/// is in. What is there belongs to us if one of our processes was seen with it; the file itself
/// does not tell. So a thread of its own looks whenever something appears. What others put there at
/// the same time is never ours.
final class SharedPlaces {
  private static final Path SHARED_MEMORY = Path.of("/dev/shm");
  private static final String TREE = "terrarium-";
  private static final long SELF = ProcessHandle.current().pid();

  private static final List<Path> PLACES =
      Stream.concat(Stream.of(SHARED_MEMORY), ownCgroup().stream())
          .filter(Files::isDirectory)
          .toList();
  private static final Set<Path> OURS = ConcurrentHashMap.newKeySet();

  private SharedPlaces() {}

  /// Begins to watch, once.
  static void watch() {
    Watching.now();
  }

  private static final class Watching {
    static {
      try {
        WatchService service = FileSystems.getDefault().newWatchService();
        for (Path place : PLACES) {
          WatchKey _ = place.register(service, ENTRY_CREATE);
        }
        Thread.ofPlatform().daemon().name("shared-places").start(() -> watch(service));
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    static void now() {}

    private static void watch(WatchService service) {
      try {
        while (true) {
          WatchKey key = service.take();
          for (WatchEvent<?> event : key.pollEvents()) {
            if (key.watchable() instanceof Path place && event.context() instanceof Path name) {
              claim(List.of(place.resolve(name)));
            }
          }
          key.reset();
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /// What is there of ours: shared memory, and trees of cgroups in which nothing runs. Where
  /// something does, its processes tell.
  static Set<Path> ours() {
    List<Path> there = PLACES.stream().flatMap(place -> Scan.list(place).stream()).toList();
    OURS.retainAll(Set.copyOf(there));
    claim(there.stream().filter(it -> !OURS.contains(it)).toList());
    return OURS.stream().filter(it -> !isTree(it) || isAtRest(it)).collect(Collectors.toSet());
  }

  /// What was seen with one of ours so far, without a look.
  static Set<Path> claimed() {
    return Set.copyOf(OURS);
  }

  private static void claim(List<Path> entries) {
    List<Path> candidates = entries.stream().filter(SharedPlaces::mayBeOurs).toList();
    if (!candidates.isEmpty()) {
      Stream<Long> own =
          Stream.concat(Stream.of(SELF), Descent.processes().stream().map(Proc::pid));
      List<String> held = own.flatMap(SharedPlaces::holdings).toList();
      candidates.stream().filter(it -> isHeld(trace(it), held)).forEach(OURS::add);
    }
  }

  private static boolean isHeld(String path, List<String> held) {
    return held.stream().anyMatch(it -> it.endsWith(path) || it.contains(path + "/"));
  }

  /// What a process has open, and the lines of what it has mapped.
  private static Stream<String> holdings(long pid) {
    Stream<String> mapped =
        Procs.read(pid, "maps").stream().flatMap(raw -> new String(raw, UTF_8).lines());
    return Stream.concat(Scan.targets(pid).stream(), mapped);
  }

  private static boolean mayBeOurs(Path entry) {
    return entry.startsWith(SHARED_MEMORY) || isTree(entry);
  }

  private static boolean isTree(Path entry) {
    return !entry.startsWith(SHARED_MEMORY) && entry.getFileName().toString().startsWith(TREE);
  }

  /// What a process that uses an entry shows: its path; of a tree the lock of the run that it is
  /// named for, which the run's JVM holds before it makes a tree and until it ends.
  private static String trace(Path entry) {
    return isTree(entry)
        ? "/runs/" + entry.getFileName().toString().substring(TREE.length()) + "/lock"
        : entry.toString();
  }

  private static Optional<Path> ownCgroup() {
    return Procs.read(SELF, "mountinfo").stream()
        .flatMap(raw -> new String(raw, UTF_8).lines())
        .filter(line -> line.contains(" - cgroup2 "))
        .map(line -> line.split(" ", -1)[4])
        .findFirst()
        .flatMap(mount -> Procs.cgroup(SELF).map(own -> Path.of(mount + own)));
  }

  private static boolean isAtRest(Path cgroup) {
    try {
      return Files.readAllLines(cgroup.resolve("cgroup.events")).contains("populated 0");
    } catch (IOException e) {
      return false; // gone
    }
  }
}
