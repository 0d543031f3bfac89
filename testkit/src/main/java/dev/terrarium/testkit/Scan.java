package dev.terrarium.testkit;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.sun.management.HotSpotDiagnosticMXBean;
import com.sun.management.HotSpotDiagnosticMXBean.ThreadDumpFormat;
import dev.terrarium.testkit.Procs.Proc;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// One look at everything that could be left over.
final class Scan {
  private static final long SELF = ProcessHandle.current().pid();
  private static final Path SHARED_MEMORY = Path.of("/dev/shm");
  private static final Pattern OUR_THREAD =
      Pattern.compile("^#(\\d+) \"(terrarium-.*)", Pattern.DOTALL);
  private static final Pattern UNIX_SOCKET = Pattern.compile("\\s(\\d+) (/.*)$");

  private Scan() {}

  /// What descends from this JVM, and what bears a birthmark and may be ours.
  static List<Proc> processes() {
    return Stream.concat(
            Procs.descendants(SELF).stream(),
            Procs.marked().stream().filter(proc -> proc.pid() != SELF && !isStrangers(proc)))
        .distinct()
        .toList();
  }

  /// A marked process is another build's if the first unmarked process above it is neither this
  /// JVM, nor one above this JVM (to which our orphans go): then somebody else lives who looks
  /// after it.
  private static boolean isStrangers(Proc proc) {
    List<Long> above = Procs.ancestors(SELF).stream().map(Proc::pid).toList();
    return Procs.ancestors(proc.pid()).stream()
        .filter(it -> Procs.mark(it.pid()).isEmpty() || it.pid() == SELF)
        .findFirst()
        .filter(it -> it.pid() != SELF && it.pid() != 1 && !above.contains(it.pid()))
        .isPresent();
  }

  /// Threads of ours by their id, virtual ones too, with their stacks.
  static Map<Long, String> threads() {
    return Stream.of(threadDump().split("\n\n", -1))
        .map(block -> OUR_THREAD.matcher(block.strip()))
        .filter(Matcher::find)
        .collect(Collectors.toMap(it -> Long.parseLong(it.group(1)), it -> it.group(2)));
  }

  /// The only dump that names virtual threads goes to a file that must not exist yet.
  private static String threadDump() {
    try {
      Path directory = Files.createTempDirectory("threads-");
      Path file = directory.resolve("dump");
      ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class)
          .dumpThreads(file.toString(), ThreadDumpFormat.TEXT_PLAIN);
      String dump = Files.readString(file);
      Files.delete(file);
      Files.delete(directory);
      return dump;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// How many descriptors of this JVM point to the same thing: sockets, pipes, memory and event
  /// queues, and files of ours; not jars, not the JDK's own.
  static Map<String, Long> descriptors() {
    return targets(SELF).stream()
        .filter(Scan::matters)
        .collect(Collectors.groupingBy(target -> target, Collectors.counting()));
  }

  private static boolean matters(String target) {
    boolean file = target.startsWith("/") && !target.startsWith("/memfd:");
    return !file || (target.contains("terrarium") && !isOfTheBuild(target));
  }

  private static boolean isOfTheBuild(String target) {
    return target.endsWith(".jar")
        || target.contains("/surefire")
        || target.contains("/failsafe")
        || target.startsWith(System.getProperty("java.home"));
  }

  private static List<String> targets(long pid) {
    try (Stream<Path> entries = Files.list(Path.of("/proc", Long.toString(pid), "fd"))) {
      return entries.flatMap(entry -> target(entry).stream()).toList();
    } catch (IOException | UncheckedIOException e) {
      return List.of();
    }
  }

  private static Optional<String> target(Path descriptor) {
    try {
      return Optional.of(Files.readSymbolicLink(descriptor).toString());
    } catch (IOException e) {
      return Optional.empty();
    }
  }

  /// Directories and sockets of ours where sockets go, all shared memory, and trees of cgroups in
  /// which nothing runs: where something does that is ours, its processes tell.
  static Set<String> files() {
    var files = new HashSet<String>();
    for (Path place : socketPlaces()) {
      list(place).stream().filter(Scan::isOurs).map(Path::toString).forEach(files::add);
    }
    list(SHARED_MEMORY).stream().map(Path::toString).forEach(files::add);
    ownCgroup().stream()
        .flatMap(cgroup -> list(cgroup).stream())
        .filter(entry -> isOurs(entry) && isAtRest(entry))
        .map(Path::toString)
        .forEach(files::add);
    return files;
  }

  private static Set<Path> socketPlaces() {
    Path temporary = Path.of(System.getProperty("java.io.tmpdir"));
    return Optional.ofNullable(System.getenv("XDG_RUNTIME_DIR"))
        .filter(it -> !it.isEmpty())
        .map(it -> Set.of(Path.of(it), temporary))
        .orElse(Set.of(temporary));
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

  private static boolean isOurs(Path file) {
    return file.getFileName().toString().startsWith("terrarium-") || isSocket(file);
  }

  private static boolean isSocket(Path file) {
    try {
      return ((Integer) Files.getAttribute(file, "unix:mode") & 0170000) == 0140000;
    } catch (IOException e) {
      return false;
    }
  }

  private static List<Path> list(Path directory) {
    try (Stream<Path> entries = Files.list(directory)) {
      return entries.toList();
    } catch (IOException | UncheckedIOException e) {
      return List.of();
    }
  }

  /// Is there a living process that is neither this JVM nor below it, and has this file, or a
  /// socket at or below it, open?
  static boolean heldByStranger(String file) {
    Set<String> wanted = new HashSet<>(socketsAt(file));
    wanted.add(file);
    Set<Long> own = new HashSet<>(Procs.descendants(SELF).stream().map(Proc::pid).toList());
    own.add(SELF);
    return Procs.all().stream()
        .filter(proc -> proc.alive() && !own.contains(proc.pid()) && !orphaned(proc))
        .anyMatch(proc -> holds(proc.pid(), wanted, file));
  }

  /// A process of ours that got away is no excuse for its files.
  private static boolean orphaned(Proc proc) {
    return Procs.mark(proc.pid()).isPresent() && !isStrangers(proc);
  }

  private static boolean holds(long pid, Set<String> wanted, String file) {
    return targets(pid).stream().anyMatch(wanted::contains)
        || Procs.read(pid, "maps").map(String::new).filter(it -> it.contains(file)).isPresent();
  }

  private static Set<String> socketsAt(String path) {
    try (Stream<String> lines = Files.lines(Path.of("/proc/net/unix"))) {
      return lines
          .map(UNIX_SOCKET::matcher)
          .filter(Matcher::find)
          .filter(it -> it.group(2).equals(path) || it.group(2).startsWith(path + "/"))
          .map(it -> "socket:[" + it.group(1) + "]")
          .collect(Collectors.toSet());
    } catch (IOException e) {
      return Set.of();
    }
  }
}
