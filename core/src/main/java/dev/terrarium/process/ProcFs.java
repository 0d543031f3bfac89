package dev.terrarium.process;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.Stream;

/// Reads `/proc`. A process can end between any two reads, so whatever cannot be read is empty,
/// never an exception.
public final class ProcFs {
  private static final Path PROC = Path.of("/proc");

  // sysconf(_SC_CLK_TCK) is 100 on every architecture of Linux.
  static final int MILLIS_PER_TICK = 10;

  private static final class Boot {
    static final Instant TIME = read();

    private static Instant read() {
      try (Stream<String> lines = Files.lines(PROC.resolve("stat"))) {
        return lines
            .filter(line -> line.startsWith("btime "))
            .map(line -> Instant.ofEpochSecond(Long.parseLong(line.substring(6).strip())))
            .findFirst()
            .orElse(Instant.EPOCH);
      } catch (IOException e) {
        return Instant.EPOCH;
      }
    }
  }

  private ProcFs() {}

  /// Every process that this one can see, in no order.
  public static List<Long> pids() {
    var pids = new ArrayList<Long>();
    try (var entries = Files.newDirectoryStream(PROC, ProcFs::isProcess)) {
      entries.forEach(entry -> pids.add(Long.parseLong(entry.getFileName().toString())));
    } catch (IOException e) {
      throw new UncheckedIOException("/proc cannot be listed; is it mounted?", e);
    } catch (DirectoryIteratorException e) {
      throw new UncheckedIOException("/proc cannot be listed; is it mounted?", e.getCause());
    }
    return pids;
  }

  private static boolean isProcess(Path entry) {
    return Character.isDigit(entry.getFileName().toString().charAt(0));
  }

  public static Optional<ProcStat> stat(long pid) {
    return bytes(pid, "stat").flatMap(raw -> ProcStat.parse(new String(raw, ISO_8859_1)));
  }

  /// The arguments of a process; empty for a zombie and for a thread of the kernel.
  public static List<String> commandLine(long pid) {
    return bytes(pid, "cmdline").map(ProcFs::arguments).orElse(List.of());
  }

  private static List<String> arguments(byte[] raw) {
    if (raw.length == 0) {
      return List.of();
    }
    int end = raw[raw.length - 1] == 0 ? raw.length - 1 : raw.length;
    return List.of(new String(raw, 0, end, UTF_8).split("\0", -1));
  }

  /// The number that the kernel gave out last, to a process or a thread; it gives them out in
  /// ascending order. Empty where `/proc` does not tell.
  static OptionalLong newestPid() {
    try {
      String load = Files.readString(PROC.resolve("loadavg"), ISO_8859_1);
      return OptionalLong.of(Long.parseLong(load.substring(load.lastIndexOf(' ') + 1).strip()));
    } catch (IOException | NumberFormatException e) {
      return OptionalLong.empty();
    }
  }

  /// When a process started that did so this many clock ticks after the machine. To about a second:
  /// the kernel tells its own start no better.
  public static Instant startedAt(long startTicks) {
    return Boot.TIME.plusMillis(startTicks * MILLIS_PER_TICK);
  }

  /// The real user id.
  public static OptionalLong uid(long pid) {
    return status(pid, "Uid:");
  }

  /// Whether the number is a process's, and not a mere thread's.
  static boolean leads(long pid) {
    return status(pid, "Tgid:").equals(OptionalLong.of(pid));
  }

  private static OptionalLong status(long pid, String field) {
    return bytes(pid, "status").stream()
        .flatMap(raw -> new String(raw, ISO_8859_1).lines())
        .filter(line -> line.startsWith(field))
        .mapToLong(line -> Long.parseLong(line.split("\\s+", -1)[1]))
        .findFirst();
  }

  /// The real user id of this process.
  public static long ownUid() {
    return uid(ownPid()).orElseThrow(() -> new IllegalStateException("/proc/self is unreadable"));
  }

  static long ownPid() {
    return ProcessHandle.current().pid();
  }

  /// The PID namespace of this process, such as `pid:[4026531836]`. A number means nothing to a
  /// process of another namespace.
  public static String pidNamespace() {
    return link(PROC.resolve("self/ns/pid")).orElse("unknown");
  }

  private static Optional<String> link(Path path) {
    try {
      return Optional.of(Files.readSymbolicLink(path).toString());
    } catch (IOException e) {
      return Optional.empty();
    }
  }

  static Optional<String> limits(long pid) {
    return bytes(pid, "limits").map(raw -> new String(raw, ISO_8859_1));
  }

  static Optional<byte[]> bytes(long pid, String file) {
    try {
      return Optional.of(Files.readAllBytes(PROC.resolve(Long.toString(pid)).resolve(file)));
    } catch (IOException e) {
      return Optional.empty();
    }
  }
}
