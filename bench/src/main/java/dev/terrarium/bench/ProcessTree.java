package dev.terrarium.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/// What the kernel says of this JVM and of all processes below it.
///
/// A worker that its parent's parent adopted is still below: the bench's processes stay where its
/// JVM started them, or below a helper of that JVM.
final class ProcessTree {
  private static final long TICK_MILLIS = 10;

  private ProcessTree() {}

  /// Processor time of a process, so far.
  ///
  /// @param userMillis in its own code
  /// @param systemMillis in the kernel, on its behalf
  record Usage(long userMillis, long systemMillis) {
    Usage plus(Usage other) {
      return new Usage(userMillis + other.userMillis, systemMillis + other.systemMillis);
    }

    long millis() {
      return userMillis + systemMillis;
    }

    Usage minus(Usage earlier) {
      return new Usage(userMillis - earlier.userMillis, systemMillis - earlier.systemMillis);
    }
  }

  static List<Long> below() {
    return ProcessHandle.current().descendants().map(ProcessHandle::pid).toList();
  }

  static Usage ownUsage() {
    return usage(ProcessHandle.current().pid());
  }

  static Usage usage(List<Long> pids) {
    return pids.stream().map(ProcessTree::usage).reduce(new Usage(0, 0), Usage::plus);
  }

  private static Usage usage(long pid) {
    String[] fields = stat(pid);
    return fields.length == 0
        ? new Usage(0, 0)
        : new Usage(
            Long.parseLong(fields[11]) * TICK_MILLIS, Long.parseLong(fields[12]) * TICK_MILLIS);
  }

  /// The fields of `stat` behind the name, which may hold blanks.
  private static String[] stat(long pid) {
    return read(pid, "stat")
        .map(line -> line.substring(line.lastIndexOf(')') + 2).split(" "))
        .findFirst()
        .orElse(new String[0]);
  }

  /// The memory of a process in KiB; what it shares is divided among those who share it.
  static long proportionalKib(long pid) {
    return read(pid, "smaps_rollup")
        .filter(line -> line.startsWith("Pss:"))
        .map(line -> line.replaceAll("[^0-9]", ""))
        .mapToLong(Long::parseLong)
        .sum();
  }

  private static Stream<String> read(long pid, String file) {
    try {
      return Files.readAllLines(Path.of("/proc", Long.toString(pid), file)).stream();
    } catch (NoSuchFileException e) {
      return Stream.empty();
    } catch (IOException e) {
      // A process that ends while its file is read.
      return Stream.empty();
    }
  }
}
