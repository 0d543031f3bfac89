package dev.terrarium;

import static org.awaitility.Awaitility.await;

import dev.terrarium.process.ProcessIdentity;
import dev.terrarium.registry.ProcessRegistry;
import dev.terrarium.registry.WorkerRow;
import dev.terrarium.testkit.Escape;
import dev.terrarium.testkit.Jvm;
import dev.terrarium.testkit.Procs;
import dev.terrarium.testkit.Procs.Proc;
import dev.terrarium.testkit.Signals;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.awaitility.core.ConditionFactory;

/// What the tests of endings share: pools of the adapter that misbehaves, and looks at what is
/// there.
final class Endings {
  /// Generous: timing never decides a test, it is printed.
  static final Duration PATIENCE = Duration.ofSeconds(20);

  /// How long what has to be gone may take to go.
  static final Duration END = Duration.ofSeconds(5);

  private Endings() {}

  static Path adapter(String name) {
    try {
      var found = Objects.requireNonNull(Endings.class.getResource("/adapters/" + name));
      return Path.of(found.toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  static Terrarium runtime(Path home) {
    return Terrarium.start(Config.defaults().withHome(home));
  }

  /// Closes a runtime, for a test that wants to know before its `try` ends.
  static Terrarium.CloseReport close(Terrarium runtime) {
    runtime.close();
    return runtime.closeReport().orElseThrow();
  }

  static PoolBuilder pool(Terrarium runtime) {
    return Pool.builder().runtime(runtime).adapter(adapter("trouble.py"));
  }

  static ConditionFactory soon() {
    return await().atMost(PATIENCE).pollInterval(Duration.ofMillis(10));
  }

  static void awaitFile(Path file) {
    soon().until(() -> Files.exists(file));
  }

  /// The lines that tools have noted; none where there is no file yet.
  static List<String> notes(Path file) {
    try {
      return Files.readAllLines(file);
    } catch (NoSuchFileException e) {
      return List.of();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// The run ids that a home has directories of.
  static List<String> runs(Path home) {
    return names(home.resolve("runs"));
  }

  static List<String> names(Path directory) {
    try (Stream<Path> entries = Files.list(directory)) {
      return entries.map(entry -> entry.getFileName().toString()).sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// The warden of a JVM's only runtime.
  static Proc warden(long host) {
    return Escape.warden(host);
  }

  /// The number that everything of a runtime bears.
  static long birthmark(Proc warden) {
    return Procs.mark(warden.pid()).orElseThrow();
  }

  /// The zygotes that live, by the ledgers of a home; the oldest comes first.
  static List<Proc> zygotes(Path home) {
    return zygotes(home, _ -> true);
  }

  /// Those of one pool.
  static List<Proc> zygotes(Path home, String pool) {
    return zygotes(home, row -> row.pool().equals(pool));
  }

  private static List<Proc> zygotes(Path home, Predicate<WorkerRow> which) {
    return runs(home).stream()
        .flatMap(run -> ledger(home.resolve("runs").resolve(run)).stream())
        .filter(row -> row.isZygote() && which.test(row))
        .sorted(Comparator.comparingLong(WorkerRow::number))
        .flatMap(row -> row.identity().filter(ProcessIdentity::alive).stream())
        .flatMap(zygote -> Procs.find(zygote.pid()).stream())
        .toList();
  }

  private static List<WorkerRow> ledger(Path run) {
    try {
      return ProcessRegistry.read(run).rows();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// The processes of a pool's workers, by their pids.
  static List<Long> pids(Pool pool) {
    return pool.stats().workers().stream().map(PoolStats.WorkerInfo::pid).sorted().toList();
  }

  static Proc proc(long pid) {
    return Procs.find(pid).orElseThrow();
  }

  /// Waits until all of these, and whatever else bears the number, is gone.
  ///
  /// @return the milliseconds since `begin` (of the nanosecond clock)
  static long awaitNothingLeft(List<Proc> known, long birthmark, long begin) {
    await()
        .atMost(END)
        .pollDelay(Duration.ZERO)
        .pollInterval(Duration.ofMillis(1))
        .until(() -> known.stream().noneMatch(Endings::lives));
    long took = (System.nanoTime() - begin) / 1_000_000;
    await().atMost(END).until(() -> Procs.marked(birthmark).isEmpty());
    return took;
  }

  /// SIGSTOP, and waits for it.
  static void stop(Jvm jvm) {
    jvm.pause();
    soon().until(() -> Procs.state(jvm.pid()).orElse('?') == 'T');
  }

  /// SIGSTOP, and waits for it.
  static void stop(Proc process) {
    Signals.pause(process);
    soon().until(() -> Procs.state(process.pid()).orElse('?') == 'T');
  }

  static boolean lives(Proc known) {
    return Procs.find(known.pid()).filter(it -> it.is(known) && it.alive()).isPresent();
  }

  static void report(String what, Map<String, ?> figures) {
    System.out.println(what + ": " + figures);
  }
}
