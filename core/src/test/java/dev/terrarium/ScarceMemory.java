package dev.terrarium;

import static java.util.Objects.requireNonNull;

import java.io.FileInputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// A program that takes a large result while it has no descriptors, or no address space, left for
/// it, and says what became of that and of the worker.
final class ScarceMemory {
  /// What there is none of.
  enum Without {
    DESCRIPTORS,
    SPACE
  }

  private static final int LARGE = 3 << 20;
  private static final int HUGE = 256 << 20;
  private static final long SOME_SPACE = 64 << 20;

  private ScarceMemory() {}

  static void main(String[] arguments) throws Exception {
    try (Pool pool = Memory.pool().start()) {
      // Classes are found with descriptors, too.
      System.out.println("ready: " + taken(pool, LARGE) + new ValueException("a", "b").path());
      String said =
          switch (Without.valueOf(arguments[0])) {
            case DESCRIPTORS -> withoutDescriptors(pool);
            case SPACE -> withoutSpace(pool);
          };
      System.out.println("failed: " + said);
      System.out.printf("then: %s %s%n", taken(pool, LARGE), taken(pool, LARGE));
      System.out.println("restarts: " + pool.stats().restarts());
      System.out.println("worker's files: " + pool.call("files", Map.of(), Long.class));
    }
    System.out.println("left: " + Memory.files());
  }

  private static @Nullable String withoutDescriptors(Pool pool) throws IOException {
    List<FileInputStream> all = new ArrayList<>();
    try {
      useUp(all);
      return taken(pool, LARGE);
    } finally {
      for (FileInputStream each : all) {
        each.close();
      }
    }
  }

  private static void useUp(List<FileInputStream> all) {
    while (true) {
      try {
        all.add(new FileInputStream("/dev/null"));
      } catch (IOException _) {
        return;
      }
    }
  }

  private static @Nullable String withoutSpace(Pool pool) throws Exception {
    long kilobytes;
    try (var lines = Files.lines(Path.of("/proc/self/status"))) {
      String size = lines.filter(line -> line.startsWith("VmSize:")).findFirst().orElseThrow();
      kilobytes = Long.parseLong(size.replaceAll("\\D", ""));
    }
    limitSpace(String.valueOf(kilobytes * 1024 + SOME_SPACE));
    return taken(pool, HUGE);
  }

  /// The soft limit of this process.
  private static void limitSpace(String bytes) throws Exception {
    String pid = String.valueOf(ProcessHandle.current().pid());
    int failed =
        new ProcessBuilder("prlimit", "--pid=" + pid, "--as=" + bytes + ":")
            .inheritIO()
            .start()
            .waitFor();
    System.out.println("limited: " + (failed == 0));
  }

  /// How a result of so many bytes arrived, mapped.
  private static @Nullable String taken(Pool pool, int bytes) {
    try (Arena arena = Arena.ofConfined()) {
      var segment = requireNonNull(pool.tool("make").args(bytes).call(MemorySegment.class, arena));
      return "whole " + (segment.byteSize() == bytes);
    } catch (TerrariumException e) {
      return e.getClass().getSimpleName() + ": " + e.getMessage();
    }
  }
}
