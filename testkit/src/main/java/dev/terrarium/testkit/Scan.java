package dev.terrarium.testkit;

import com.sun.management.HotSpotDiagnosticMXBean;
import com.sun.management.HotSpotDiagnosticMXBean.ThreadDumpFormat;
import dev.terrarium.testkit.Procs.Proc;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
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
  private static final Pattern OUR_THREAD =
      Pattern.compile("^#(\\d+) \"(terrarium-.*)", Pattern.DOTALL);

  private Scan() {}

  /// What descends from this JVM.
  static List<Proc> processes() {
    return Descent.processes();
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

  /// What the descriptors of a process point to; nothing where it is gone or another user's.
  static List<String> targets(long pid) {
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

  /// Directories and sockets of ours where sockets go, which is this JVM's alone in a build, and
  /// what is ours in places that everybody shares.
  static Set<String> files() {
    return Stream.concat(
            socketPlaces().stream().flatMap(place -> list(place).stream()).filter(Scan::isOurs),
            SharedPlaces.ours().stream())
        .map(Path::toString)
        .collect(Collectors.toSet());
  }

  private static Set<Path> socketPlaces() {
    return Stream.of(System.getProperty("java.io.tmpdir"), System.getenv("XDG_RUNTIME_DIR"))
        .filter(it -> it != null && !it.isEmpty())
        .map(Path::of)
        .collect(Collectors.toSet());
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

  static List<Path> list(Path directory) {
    try (Stream<Path> entries = Files.list(directory)) {
      return entries.toList();
    } catch (IOException | UncheckedIOException e) {
      return List.of();
    }
  }
}
