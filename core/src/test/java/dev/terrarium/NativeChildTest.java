package dev.terrarium;

import static org.assertj.core.api.Assertions.assertThat;

import dev.terrarium.registry.RunDirectory;
import dev.terrarium.testkit.Jvm;
import dev.terrarium.testkit.Procs;
import dev.terrarium.testkit.Procs.Proc;
import dev.terrarium.testkit.Signals;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// A child that native code in the JVM starts inherits all descriptors that are not marked to be
/// closed, and the JDK marks hardly any. It held the JVM's ends of the lifelines and of the
/// warden's standard input then, and neither closed when the JVM died.
@Timeout(90)
final class NativeChildTest {
  private static final int O_CLOEXEC = 02000000;
  private static final int O_ASYNC = 020000;
  private static final String WARDENS_LINE = "pipe of the warden's standard input";

  @TempDir Path home;
  @TempDir Path files;

  @Test
  void inheritsNothingOfARuntime() throws IOException {
    try (Terrarium runtime = Endings.runtime(home);
        Pool pool = Endings.pool(runtime).size(3).start()) {
      Path directory = home.resolve("runs").resolve(runtime.runId());
      Map<String, String> ours = ours(directory);
      assertThat(ours.values())
          .contains(WARDENS_LINE, "ledger.jsonl", "lock")
          .anyMatch(it -> it.endsWith("/s"))
          .anyMatch(it -> it.endsWith("/l"))
          .anyMatch(it -> it.endsWith("/c"));
      assertThat(targets(ProcessHandle.current().pid())).containsAll(ours.keySet());
      long child = Native.spawn("/bin/sleep", "1000");
      try {
        Set<String> inherited = targets(child);
        assertThat(ours).allSatisfy((target, _) -> assertThat(inherited).doesNotContain(target));
      } finally {
        Signals.kill(Endings.proc(child));
        Native.collect(child);
      }
      replaceAWorker(pool);
      assertThat(unmarked(ours(directory))).as("of those that came later").isEmpty();
    }
  }

  /// Libraries that fork and exec by themselves are in Python as well, and `close_fds=False` is.
  @ParameterizedTest
  @EnumSource(Start.class)
  void inheritsNothingOfAWardenAZygoteOrAWorker(Start start) {
    try (Terrarium runtime = Endings.runtime(home);
        Pool pool = Endings.pool(runtime).start(start).size(2).start()) {
      replaceAWorker(pool);
      Proc warden = Endings.warden(ProcessHandle.current().pid());
      List<Proc> all = Procs.marked(Endings.birthmark(warden));
      assertThat(all).hasSizeGreaterThanOrEqualTo(3);
      assertThat(all).flatExtracting(NativeChildTest::inheritable).isEmpty();
    }
  }

  /// What a child of this process would inherit beside the standard streams, and beside a worker's
  /// ends of its lifelines: these hold for the worker's whole group, and whatever becomes of it.
  private static List<String> inheritable(Proc process) {
    Path descriptors = Path.of("/proc/" + process.pid() + "/fd");
    return Endings.names(descriptors).stream()
        .filter(it -> Integer.parseInt(it) > 2)
        .map(descriptors::resolve)
        .filter(it -> !has(O_CLOEXEC, it) && !has(O_ASYNC, it))
        .map(it -> "%s: %s of %s".formatted(it, target(it), process))
        .toList();
  }

  private static void replaceAWorker(Pool pool) {
    long worker = Endings.pids(pool).getFirst();
    Trouble.kill(worker);
    int size = pool.stats().size();
    Endings.soon().until(() -> pool.stats().idle() == size && !Endings.pids(pool).contains(worker));
  }

  /// What this JVM has of a runtime: what each descriptor points to, and for people what that is.
  private static Map<String, String> ours(Path directory) throws IOException {
    Map<String, String> ours = new TreeMap<>();
    Proc warden = Endings.warden(ProcessHandle.current().pid());
    ours.put(target(Path.of("/proc/" + warden.pid() + "/fd/0")), WARDENS_LINE);
    for (String name : List.of("lock", "ledger.jsonl")) {
      ours.put(directory.toRealPath().resolve(name).toString(), name);
    }
    String sockets = RunDirectory.read(directory).sockets().toString();
    Set<String> here = targets(ProcessHandle.current().pid());
    try (Stream<String> lines = Files.lines(Path.of("/proc/net/unix"))) {
      lines
          .filter(line -> line.contains(" " + sockets))
          .map(line -> line.split(" +", 8))
          .filter(columns -> here.contains("socket:[" + columns[6] + "]"))
          .forEach(columns -> ours.put("socket:[" + columns[6] + "]", columns[7]));
    }
    return ours;
  }

  /// Descriptors of this JVM to one of these that a child would inherit.
  private static Set<String> unmarked(Map<String, String> ours) throws IOException {
    Set<String> unmarked = new HashSet<>();
    try (Stream<Path> all = Files.list(Path.of("/proc/self/fd"))) {
      for (Path each : all.toList()) {
        String what = ours.get(target(each));
        if (what != null && !has(O_CLOEXEC, each)) {
          unmarked.add(each + ": " + what);
        }
      }
    }
    return unmarked;
  }

  private static boolean has(int flag, Path descriptor) {
    Path info = descriptor.resolveSibling("../fdinfo/" + descriptor.getFileName());
    try {
      String flags =
          Files.readAllLines(info).stream()
              .filter(line -> line.startsWith("flags:"))
              .findFirst()
              .orElseThrow();
      return (Long.parseLong(flags.substring("flags:".length()).strip(), 8) & flag) != 0;
    } catch (NoSuchFileException e) {
      return flag == O_CLOEXEC; // closed meanwhile
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Set<String> targets(long pid) {
    try (Stream<Path> all = Files.list(Path.of("/proc/" + pid + "/fd"))) {
      return new HashSet<>(all.map(NativeChildTest::target).toList());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String target(Path link) {
    try {
      return Files.readSymbolicLink(link).toString();
    } catch (IOException e) {
      return "closed meanwhile";
    }
  }

  /// A host with such a child. Only the lifelines end its workers: `LayersTest` has the switches.
  static final class Host {
    public static void main(String[] arguments) throws InterruptedException {
      Terrarium runtime = Terrarium.start(Config.defaults().withHome(Path.of(arguments[0])));
      Pool _ = Endings.pool(runtime).size(2).start();
      System.out.println("child " + Native.spawn("/bin/sleep", "1000"));
      System.out.println("ready");
      Thread.sleep(Long.MAX_VALUE);
    }
  }

  /// As far as the kernel is concerned, the child is another owner of all that it has inherited.
  @Test
  void doesNotKeepTheLifelinesFromFiring() {
    Layers.switchOff(home, List.of("end", "line", "death-signal"));
    try (Jvm host = Jvm.start(Host.class, Map.of(), Layers.options(home), home.toString())) {
      Proc child = Endings.proc(Long.parseLong(host.awaitLine("child ")));
      try {
        host.awaitLine("ready");
        Proc warden = Endings.warden(host.pid());
        List<Proc> workers =
            Procs.marked(Endings.birthmark(warden)).stream().filter(it -> !it.is(warden)).toList();
        assertThat(workers).hasSizeGreaterThanOrEqualTo(2);
        host.kill();
        Endings.soon().until(() -> workers.stream().noneMatch(Endings::lives));
        assertThat(Endings.lives(child)).isTrue();
      } finally {
        Signals.kill(child);
      }
    }
    Endings.runtime(home).close(); // ends what was kept from ending
  }
}
