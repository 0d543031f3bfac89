package dev.terrarium.process;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.terrarium.StartFailedException;
import dev.terrarium.StartFailedException.Reason;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// What a run has in the hierarchy of cgroups (version 2): one directory, its *tree*, in which the
/// warden makes a leaf for each worker. There is none before the first pool asks.
///
/// A process is in its parent's cgroup until somebody moves it, so a leaf holds a worker and all
/// that it ever started. Safe for use by many threads.
public final class Cgroups {
  /// System property: below which cgroup. Default: the JVM's own.
  public static final String BASE = "terrarium.cgroup";

  static final String NAME_PREFIX = "terrarium-";

  /// How long the kernel may take to be done with what was killed.
  private static final Duration EMPTY_WAIT = Duration.ofSeconds(2);

  private static final long PAUSE_NANOS = 2_000_000;
  private static final Pattern LEAF = Pattern.compile("\\d{1,18}");
  private static final String PROCS = "cgroup.procs";
  private static final String SUBTREE_CONTROL = "cgroup.subtree_control";

  private final String run;
  private final ProcessKiller killer;

  @GuardedBy("this")
  private @Nullable Path tree;

  @GuardedBy("this")
  private boolean closed;

  public Cgroups(RunId run, ProcessKiller killer) {
    this.run = run.value();
    this.killer = killer;
  }

  // --- A living run's ---

  /// The run's tree, made by the first who asks.
  ///
  /// @param controllers those that its leaves need, such as `memory`
  /// @param record is told where it will be before it is made
  /// @throws StartFailedException saying what is missing, and the remedy
  public synchronized Path require(Set<String> controllers, Consumer<Path> record) {
    if (closed) {
      throw new StartFailedException(Reason.CANCELLED, "The runtime is closed");
    }
    Path base = base();
    requireUsable(base, controllers);
    Path path = base.resolve(NAME_PREFIX + run);
    if (tree == null) {
      record.accept(path);
      tree = path;
    }
    make(base, path);
    if (!controllers.isEmpty()) {
      delegate(base, path, controllers);
    }
    return path;
  }

  private static Path base() {
    String named = System.getProperty(BASE, "");
    if (!named.isBlank()) {
      return real(Path.of(named).toAbsolutePath().normalize());
    }
    return Machine.ownCgroup()
        .map(Cgroups::real)
        .orElseThrow(
            () ->
                refused(
                    "this machine shows no cgroups of version 2; mount cgroup2 on /sys/fs/cgroup,"
                        + " or go without"));
  }

  /// Without links: a clean-up believes no path that has any.
  private static Path real(Path path) {
    try {
      return path.toRealPath();
    } catch (IOException e) {
      return path; // which is refused as what it is
    }
  }

  private static void requireUsable(Path base, Set<String> controllers) {
    if (!Files.isRegularFile(base.resolve("cgroup.controllers"))) {
      throw refused("%s is no cgroup of version 2; see -D%s".formatted(base, BASE));
    }
    if (!Files.isWritable(base) || !Files.isWritable(base.resolve(PROCS))) {
      throw refused(
          "%s cannot be written; delegate it to this user (Delegate=yes in systemd), or name another with -D%s"
              .formatted(base, BASE));
    }
    Set<String> missing = new TreeSet<>(controllers);
    Set<String> offered = words(base.resolve("cgroup.controllers"));
    missing.removeAll(offered);
    if (!missing.isEmpty()) {
      throw refused(
          "the limits need the controllers %s, and %s has only %s; delegate them (Delegate=%s in systemd), or ask for other limits"
              .formatted(missing, base, offered, String.join(" ", controllers)));
    }
  }

  private static void make(Path base, Path path) {
    try {
      if (!Files.isDirectory(path)) {
        PrivateFiles.makeDirectory(path);
      }
    } catch (IOException e) {
      throw refused("%s cannot be made (%s); see -D%s".formatted(path, e, BASE));
    }
    unfit(base, path)
        .ifPresent(
            why -> {
              boolean _ = remove(path);
              throw refused(why);
            });
  }

  private static Optional<String> unfit(Path base, Path path) {
    if (!Files.exists(path.resolve("cgroup.kill"))) {
      return Optional.of(
          "there is no cgroup.kill in %s; Linux 5.14 or newer is needed".formatted(base));
    }
    Set<String> type = words(path.resolve("cgroup.type"));
    return type.equals(Set.of("domain"))
        ? Optional.empty()
        : Optional.of(
            "cgroups below %s take no processes (%s): it passes controllers on and has processes itself; name one without with -D%s"
                .formatted(base, String.join(" ", type), BASE));
  }

  // A cgroup that passes controllers on may have no processes, but for the root.
  private static void delegate(Path base, Path path, Set<String> controllers) {
    String wanted = controllers.stream().map(it -> "+" + it).collect(Collectors.joining(" "));
    try {
      if (!words(base.resolve(SUBTREE_CONTROL)).containsAll(controllers)) {
        write(base.resolve(SUBTREE_CONTROL), wanted);
      }
      write(path.resolve(SUBTREE_CONTROL), wanted);
    } catch (IOException e) {
      throw refused(
          "%s cannot pass on the controllers %s (%s), perhaps because the JVM itself is in it; start the JVM in a cgroup below it (DelegateSubgroup= in systemd) and name this one with -D%s"
              .formatted(base, controllers, e.getMessage(), BASE));
    }
  }

  private static StartFailedException refused(String why) {
    return new StartFailedException(Reason.CONTAINMENT, "isolation(CGROUP): " + why);
  }

  /// Kills what is left in the leaves, when their warden is no more, and removes them.
  ///
  /// @param realms whose leaves are meant: those of other wardens' workers stay
  /// @return how many processes that were
  public synchronized int clear(Predicate<Realm> realms, String why) {
    if (tree == null) {
      return 0;
    }
    List<Path> leaves = below(tree).stream().filter(leaf -> realms.test(realm(leaf))).toList();
    int killed = leaves.stream().mapToInt(leaf -> killer.killCgroup(leaf, why).size()).sum();
    leaves.forEach(Cgroups::awaitEmpty);
    leaves.forEach(Cgroups::remove);
    return killed;
  }

  /// A leaf is named by the number of its worker. What else there is, nobody looks after.
  private static Realm realm(Path leaf) {
    String name = leaf.getFileName().toString();
    return LEAF.matcher(name).matches() ? Realm.of(Long.parseLong(name)) : Realm.COMMON;
  }

  /// The end of it; nobody gets one any more.
  ///
  /// @return whether nothing is left of it
  public synchronized boolean close(String why) {
    closed = true;
    return tree == null || end(tree, killer, why);
  }

  private static boolean end(Path tree, ProcessKiller killer, String why) {
    if (!isCgroup(tree)) {
      return true;
    }
    var _ = killer.killCgroup(tree, why);
    awaitEmpty(tree);
    return remove(tree);
  }

  /// The living processes in a cgroup and below it that have a number here.
  static List<ProcessIdentity> members(Path cgroup) {
    return pids(cgroup).stream()
        .flatMap(pid -> ProcFs.stat(pid).stream())
        .filter(stat -> !stat.dead())
        .map(ProcessIdentity::of)
        .toList();
  }

  /// The numbers of all that is in a cgroup and below it; 0 for one that has none here.
  static List<Long> pids(Path cgroup) {
    var pids = new ArrayList<Long>();
    lines(cgroup.resolve(PROCS)).forEach(line -> pids.add(Long.valueOf(line)));
    below(cgroup).forEach(each -> pids.addAll(pids(each)));
    return pids;
  }

  static boolean isCgroup(Path path) {
    return Files.isRegularFile(path.resolve("cgroup.events")); // only version 2 has it
  }

  static void awaitEmpty(Path cgroup) {
    long end = System.nanoTime() + EMPTY_WAIT.toNanos();
    while (isPopulated(cgroup) && System.nanoTime() < end) {
      LockSupport.parkNanos(PAUSE_NANOS);
    }
  }

  /// Whether a living process is in it or below it; in doubt it is.
  static boolean isPopulated(Path cgroup) {
    return isCgroup(cgroup) && !lines(cgroup.resolve("cgroup.events")).contains("populated 0");
  }

  /// One write, which the kernel carries out for all that is in it, whatever forks meanwhile.
  ///
  /// @return empty, or what the kernel has against it
  static Optional<String> kill(Path cgroup) {
    try {
      write(cgroup.resolve("cgroup.kill"), "1");
      return Optional.empty();
    } catch (IOException e) {
      return Optional.of(String.valueOf(e.getMessage()));
    }
  }

  /// With those below it. What is not empty stays, and what is above that.
  static boolean remove(Path cgroup) {
    below(cgroup).forEach(Cgroups::remove);
    long end = System.nanoTime() + EMPTY_WAIT.toNanos();
    while (true) {
      try {
        Files.deleteIfExists(cgroup);
        return true;
      } catch (IOException e) {
        // The kernel is not quite done with the dead, or somebody is not dead.
        if (isPopulated(cgroup) || System.nanoTime() > end) {
          return false;
        }
        LockSupport.parkNanos(PAUSE_NANOS);
      }
    }
  }

  private static List<Path> below(Path cgroup) {
    var below = new ArrayList<Path>();
    try (var entries = Files.newDirectoryStream(cgroup, Files::isDirectory)) {
      entries.forEach(below::add);
    } catch (IOException | DirectoryIteratorException e) {
      // It is gone.
    }
    return below;
  }

  // Not a FileChannel: an interrupt that is pending in the caller would close that.
  private static void write(Path file, String text) throws IOException {
    try (var out = new FileOutputStream(file.toFile())) {
      out.write(text.getBytes(UTF_8));
    }
  }

  private static Set<String> words(Path file) {
    return lines(file).stream()
        .flatMap(line -> List.of(line.split(" ", -1)).stream())
        .filter(word -> !word.isEmpty())
        .collect(Collectors.toCollection(TreeSet::new));
  }

  /// Nothing where it cannot be read.
  private static List<String> lines(Path file) {
    try {
      return new String(Files.readAllBytes(file), UTF_8).lines().toList();
    } catch (IOException e) {
      return List.of();
    }
  }
}
