package dev.terrarium.process;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.stream.Stream;

/// Reads `/proc`. A process can end between any two reads, so whatever cannot be read is empty,
/// never an exception; but for [#pids] and [#certainStat], on which proofs rest.
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

  /// Looked at once: nobody mounts another `/proc` under a program that runs.
  private static final class Own {
    static final Optional<String> OBJECTION =
        objection(link(PROC.resolve("self")), namespaces(), ownPid());

    private static List<String> namespaces() {
      return line("self", "NSpid:").stream()
          .flatMap(line -> Stream.of(line.strip().split("\\s+", -1)).skip(1))
          .toList();
    }
  }

  private ProcFs() {}

  /// Why `/proc` cannot be used: it is none, or it shows the processes of another PID namespace,
  /// under numbers that are others' in this one. Empty where all is well. With such a `/proc` no
  /// number can be trusted: nothing is to be started, and nobody to be signalled.
  public static Optional<String> objection() {
    return Own.OBJECTION;
  }

  /// @param self what `/proc/self` leads to
  /// @param namespaces the numbers that this process has, from the namespace of `/proc` down to its
  ///   own; empty where the kernel does not tell
  static Optional<String> objection(Optional<String> self, List<String> namespaces, long pid) {
    String number = Long.toString(pid);
    if (self.isPresent() && self.get().equals(number) && namespaces.size() <= 1) {
      return Optional.empty();
    }
    String shown =
        self.map(it -> "calls this process %s, and its number is %s".formatted(it, number))
            .orElse("does not show this process, whose number is %s".formatted(number));
    return Optional.of(
        """
        /proc belongs to another PID namespace, or to none: it %s, so that what stands there are \
        others' processes; have the namespace's own mounted (unshare --pid --fork --mount-proc, \
        bwrap --proc /proc, or mount -t proc proc /proc in a mount namespace)\
        """
            .formatted(shown));
  }

  /// Every process that this one can see, in no order.
  ///
  /// @throws UncheckedIOException where it cannot be told ([#objection()])
  public static List<Long> pids() {
    objection()
        .ifPresent(
            why -> {
              throw new UncheckedIOException(why, new IOException(why));
            });
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

  /// As [#stat], where "it is gone" has to be true.
  ///
  /// @throws UncheckedIOException where it may be there and cannot be looked at: no descriptor is
  ///   left, or no memory
  static Optional<ProcStat> certainStat(long pid) {
    try {
      return ProcStat.parse(new String(read(Long.toString(pid), "stat"), ISO_8859_1));
    } catch (NoSuchFileException e) {
      return Optional.empty(); // it was gone at that moment, whoever has its number by now
    } catch (IOException e) {
      boolean died =
          String.valueOf(e.getMessage()).contains("No such process"); // ESRCH, while read
      if (!died && Files.exists(PROC.resolve(Long.toString(pid)))) { // which takes no descriptor
        throw new UncheckedIOException("process " + pid + " cannot be looked at", e);
      }
      return Optional.empty();
    }
  }

  /// Who traces a process, a debugger for example: it is collected by nobody before that one lets
  /// it go. Empty where nobody does.
  public static OptionalLong tracer(long pid) {
    OptionalLong tracer = status(pid, "TracerPid:");
    return tracer.orElse(0) == 0 ? OptionalLong.empty() : tracer;
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
    return number(Long.toString(pid), field);
  }

  private static OptionalLong number(String process, String field) {
    return line(process, field).stream()
        .mapToLong(line -> Long.parseLong(line.split("\\s+", -1)[1]))
        .findFirst();
  }

  private static Optional<String> line(String process, String field) {
    return bytes(process, "status").stream()
        .flatMap(raw -> new String(raw, ISO_8859_1).lines())
        .filter(line -> line.startsWith(field))
        .findFirst();
  }

  /// The real user id of this process.
  public static long ownUid() {
    return number("self", "Uid:")
        .orElseThrow(() -> new IllegalStateException("/proc/self is unreadable"));
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

  /// The file behind a descriptor of a process. Empty where it has none, is gone, or does not let
  /// us look. What is no file any more ends in ` (deleted)`.
  public static Optional<Path> openFile(long pid, int descriptor) {
    return link(PROC.resolve(Long.toString(pid)).resolve("fd").resolve(descriptor + ""))
        .filter(target -> target.startsWith("/"))
        .map(Path::of);
  }

  /// The processes that a process has pidfds of, by the numbers that they have here. Empty where it
  /// has none, is gone, or does not let us look.
  static Set<Long> pidfds(long pid) {
    var held = new HashSet<Long>();
    Path open = PROC.resolve(Long.toString(pid)).resolve("fdinfo");
    try (var entries = Files.newDirectoryStream(open)) {
      for (Path entry : entries) {
        lines(entry)
            .filter(line -> line.startsWith("Pid:"))
            .mapToLong(line -> Long.parseLong(line.substring(4).strip()))
            .forEach(held::add);
      }
    } catch (IOException | DirectoryIteratorException e) {
      return held;
    }
    return held;
  }

  /// Of a descriptor that may be closed by now.
  private static Stream<String> lines(Path description) {
    try {
      return Files.readAllLines(description, ISO_8859_1).stream();
    } catch (IOException e) {
      return Stream.empty();
    }
  }

  static Optional<byte[]> bytes(long pid, String file) {
    return bytes(Long.toString(pid), file);
  }

  private static Optional<byte[]> bytes(String process, String file) {
    try {
      return Optional.of(read(process, file));
    } catch (IOException e) {
      return Optional.empty();
    }
  }

  private static byte[] read(String process, String file) throws IOException {
    return Files.readAllBytes(PROC.resolve(process).resolve(file));
  }
}
