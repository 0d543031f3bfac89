package dev.terrarium.process;

import dev.terrarium.StartFailedException;
import dev.terrarium.StartFailedException.Reason;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Function;
import java.util.stream.Stream;

/// What this machine offers of that which the layers of defence are made of.
public final class Machine {
  private static final Path USER_NAMESPACES_MAX = Path.of("/proc/sys/user/max_user_namespaces");
  private static final Path UNPRIVILEGED = // of Debian's kernels, and of Ubuntu's
      Path.of("/proc/sys/kernel/unprivileged_userns_clone");

  /// Open files that a runtime needs at least: lifelines have numbers from 200 on.
  public static final long OPEN_FILES_MIN = 256;

  private Machine() {}

  /// Whether a runtime may be started here, as far as it can be told before anything is.
  ///
  /// @throws StartFailedException saying what is missing, and the remedy
  public static void check() {
    requireOwnProc();
    requireOpenFiles(openFiles());
  }

  /// Whether `/proc` shows the processes that this one's numbers are about; without that nobody can
  /// be told from anybody, and nothing may be signalled.
  ///
  /// @throws StartFailedException saying what it shows, and the remedy
  public static void requireOwnProc() {
    Optional<String> objection = ProcFs.objection();
    if (objection.isPresent()) {
      throw new StartFailedException(Reason.PLATFORM, objection.get());
    }
  }

  static void requireOpenFiles(OptionalLong limit) {
    if (limit.isPresent() && limit.getAsLong() < OPEN_FILES_MIN) {
      throw new StartFailedException(
          Reason.PLATFORM,
          "the limit of open files (RLIMIT_NOFILE) is %d; a runtime needs %d at least, and about six more for each worker: raise it (ulimit -n 65536, LimitNOFILE= in systemd, --ulimit nofile= in docker)"
              .formatted(limit.getAsLong(), OPEN_FILES_MIN));
    }
  }

  /// One thing that a kernel or an administrator may have or refuse.
  ///
  /// @param detail for people: what was seen, and what to do where it is not available
  public record Feature(String name, boolean available, String detail) {}

  /// Whether this JVM lets us make native calls: `--illegal-native-access=deny` does not, unless
  /// `--enable-native-access` names us.
  @SuppressWarnings("restricted")
  public static boolean allowsNativeCalls() {
    try {
      var _ = MemorySegment.NULL.reinterpret(0); // restricted like all of them, and does nothing
      return true;
    } catch (IllegalCallerException e) {
      return false;
    }
  }

  public static List<Feature> features() {
    return List.of(pidfd(), proc(), birthmark(), cgroup(), subreaper(), userNamespaces());
  }

  private static Feature pidfd() {
    int result = Libc.pidfdOpen(ProcFs.ownPid());
    if (result >= 0) {
      Libc.close(result);
      return new Feature("pidfd", true, "signals go to processes, not to numbers");
    }
    return new Feature(
        "pidfd",
        false,
        "pidfd_open is refused: %s; a kernel of 5.10 or newer is needed, and a seccomp filter that lets it pass"
            .formatted(Libc.describe(-result)));
  }

  private static Feature proc() {
    Optional<String> objection = ProcFs.objection();
    boolean readable =
        objection.isEmpty()
            && ProcFs.stat(ProcFs.ownPid()).isPresent()
            && ProcFs.limits(ProcFs.ownPid()).isPresent();
    return new Feature(
        "proc",
        readable,
        readable
            ? "/proc shows processes and their limits"
            : objection.orElse("mount proc on /proc"));
  }

  /// How many files this process may have open, and its children may; empty where that is unlimited
  /// or cannot be told. The JVM has raised it to the hard limit when it started, unless told not
  /// to.
  public static OptionalLong openFiles() {
    return softLimit("Max open files");
  }

  /// A soft limit, by its name in `/proc/self/limits`; empty where that is unlimited or cannot be
  /// told.
  public static OptionalLong softLimit(String name) {
    return firstIn("/proc/self/limits", line -> softLimit(line, name)).stream()
        .mapToLong(Long::longValue)
        .findFirst();
  }

  private static Optional<Long> softLimit(String line, String name) {
    return Optional.of(line)
        .filter(it -> it.startsWith(name))
        .map(it -> it.substring(name.length()).strip().split("\\s+", -1)[0])
        .filter(soft -> soft.matches("\\d{1,18}"))
        .map(Long::valueOf);
  }

  private static Feature birthmark() {
    return switch (Birthmark.choose()) {
      case Birthmark.Choice.Chosen _ ->
          new Feature("birthmark", true, "RLIMIT_RTTIME has room for a run's number");
      case Birthmark.Choice.Unavailable(var reason) -> new Feature("birthmark", false, reason);
    };
  }

  private static Feature subreaper() {
    boolean known = Libc.childSubreaper() >= 0;
    return new Feature(
        "subreaper",
        known,
        known ? "the warden adopts what workers leave behind" : "Linux 3.4 or newer is needed");
  }

  private static Feature cgroup() {
    Optional<Path> own = ownCgroup();
    boolean writable = own.filter(Files::isWritable).isPresent();
    String detail =
        own.map(
                path ->
                    writable
                        ? path + " can be written"
                        : path + " cannot be written; delegate it (systemd: Delegate=yes)")
            .orElse("no cgroup2 is mounted; mount one, or go without");
    return new Feature("cgroup_v2", writable, detail);
  }

  /// The directory of this process's own cgroup (v2), where one is mounted.
  public static Optional<Path> ownCgroup() {
    Optional<Path> mount = firstIn("/proc/self/mountinfo", Machine::cgroupMount);
    Optional<String> own =
        firstIn(
            "/proc/self/cgroup",
            line -> line.startsWith("0::/") ? Optional.of(line.substring(4)) : Optional.empty());
    return mount.flatMap(at -> own.map(at::resolve)).filter(Files::isDirectory);
  }

  /// The mount point stands in the fifth column, the type behind a lone dash (proc(5)).
  private static Optional<Path> cgroupMount(String line) {
    String[] halves = line.split(" - ", 2);
    return halves.length == 2 && halves[1].startsWith("cgroup2 ")
        ? Optional.of(Path.of(halves[0].split(" ", -1)[4]))
        : Optional.empty();
  }

  private static Feature userNamespaces() {
    if (firstIn(USER_NAMESPACES_MAX.toString(), Optional::of)
        .filter(it -> !it.equals("0"))
        .isEmpty()) {
      return new Feature(
          "user_namespaces", false, "switched off; set user.max_user_namespaces, or run as root");
    }
    boolean refused =
        ProcFs.ownUid() != 0
            && firstIn(UNPRIVILEGED.toString(), Optional::of).filter("0"::equals).isPresent();
    return new Feature(
        "user_namespaces",
        !refused,
        refused
            ? "only for root; set kernel.unprivileged_userns_clone to 1"
            : "a pool may have a PID namespace of its own");
  }

  private static <T> Optional<T> firstIn(String file, Function<String, Optional<T>> wanted) {
    try (Stream<String> lines = Files.lines(Path.of(file))) {
      return lines.flatMap(line -> wanted.apply(line).stream()).findFirst();
    } catch (IOException e) {
      return Optional.empty();
    }
  }
}
