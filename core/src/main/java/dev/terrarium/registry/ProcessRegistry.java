package dev.terrarium.registry;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.terrarium.base.Log;
import dev.terrarium.process.ProcessName;
import dev.terrarium.registry.WorkerRow.Activation;
import java.io.IOException;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongPredicate;
import java.util.stream.Collectors;

/// The ledger of one run: which workers there are, in memory and in `ledger.jsonl`.
///
/// A worker is reserved before its process exists, activated when it does, and released when all of
/// it is proved gone. So a crash at any moment leaves a trace, and a row never goes before its
/// process.
///
/// What fails where: a reservation that cannot be written throws, and nothing is to be started. By
/// the time of an activation or a release the process exists or is gone; if that cannot be written,
/// memory is right, the log says so once, and a cleanup still finds the process by its birthmark.
///
/// Safe for use by many threads. Reads take no lock and see every write that has returned.
public final class ProcessRegistry implements AutoCloseable {
  static final String FILE = "ledger.jsonl";

  /// Beyond this size a ledger of mostly released workers is rewritten.
  static final long COMPACT_BYTES = 1 << 20;

  /// A reservation becomes a process within a fraction of this, or is released.
  static final Duration RESERVATION_AGE_MAX = Duration.ofMinutes(1);

  private static final Log LOG = Log.of(ProcessRegistry.class);
  private static final SecureRandom RANDOM = new SecureRandom();
  private static final String REMEDY =
      "nothing was started; free space there, or set TERRARIUM_HOME to a directory that this user"
          + " can write";

  private final Path path;
  private final RunIdentity origin;
  private final boolean required;
  private final ConcurrentHashMap<Long, WorkerRow> rows = new ConcurrentHashMap<>();
  private final ConcurrentHashMap<String, WorkerRow> byWorker = new ConcurrentHashMap<>();
  private final ReentrantLock lock = new ReentrantLock();

  @GuardedBy("lock")
  private final LedgerFile file;

  private final InstantSource time;

  @GuardedBy("lock")
  private long compactAt = COMPACT_BYTES;

  @GuardedBy("lock")
  private boolean complained;

  @GuardedBy("lock")
  private boolean closed;

  private ProcessRegistry(
      Path path, RunIdentity origin, boolean required, LedgerFile file, InstantSource time) {
    this.path = path;
    this.origin = origin;
    this.required = required;
    this.file = file;
    this.time = time;
  }

  /// The ledger of a run of this JVM, with what it held already.
  ///
  /// @param required whether a worker whose reservation cannot be written must not be started
  /// @throws RegistryException if it cannot be read or written
  public static ProcessRegistry open(RunDirectory run, boolean required) {
    return open(run, required, InstantSource.system());
  }

  /// The same, with a clock of the caller's.
  ///
  /// @throws RegistryException if it cannot be read or written
  static ProcessRegistry open(RunDirectory run, boolean required, InstantSource time) {
    Path path = run.path().resolve(FILE);
    try {
      LedgerContents contents = LedgerContents.read(path);
      var registry =
          new ProcessRegistry(
              path, run.manifest().identity(), required, new LedgerFile(path), time);
      contents.problems().forEach(problem -> LOG.warn("{}: {}", path, problem));
      contents.rows().forEach(registry::remember);
      return registry;
    } catch (IOException e) {
      throw new RegistryException(path, "the ledger cannot be opened", REMEDY, e);
    }
  }

  /// What the ledger of another run says, without touching it.
  ///
  /// @throws IOException if the file is there and cannot be read
  public static LedgerContents read(Path runDirectory) throws IOException {
    return LedgerContents.read(runDirectory.resolve(FILE));
  }

  /// Writes down that a worker or zygote is about to be started.
  ///
  /// @throws RegistryException if that cannot be written, and the ledger is required; then nothing
  ///   may be started
  /// @throws IllegalStateException if the number or the name is in use
  public WorkerRow reserve(ProcessName name, long number) {
    Instant now = time.instant();
    String worker = name.toString();
    var row =
        new WorkerRow(
            worker,
            name.role(),
            number,
            name.pool(),
            fingerprint(worker, now),
            origin,
            now,
            Optional.empty());
    lock.lock();
    try {
      requireFree(row);
      write(new LedgerLine.Reserve(row));
      remember(row);
      return row;
    } catch (IOException e) {
      throw new RegistryException(path, "worker %s cannot be reserved".formatted(name), REMEDY, e);
    } finally {
      lock.unlock();
    }
  }

  /// Writes down which process a reserved worker is. The same once more does nothing.
  ///
  /// @throws IllegalStateException if the number is not reserved, or is another process already:
  ///   losing sight of a process must not pass in silence
  public WorkerRow activate(long number, long pid, long startTicks, long group) {
    lock.lock();
    try {
      WorkerRow reserved = requireReserved(number);
      if (reserved.process().isPresent()) {
        return requireSame(reserved, pid, startTicks);
      }
      var activation = new Activation(pid, startTicks, group, time.instant());
      WorkerRow row = reserved.activated(activation);
      remember(row);
      appendIfPossible(new LedgerLine.Activate(number, activation));
      return row;
    } finally {
      lock.unlock();
    }
  }

  /// Forgets a worker of which nothing is alive any more.
  ///
  /// @return false if the number is unknown, as after a second release; that is harmless
  public boolean release(long number) {
    lock.lock();
    try {
      WorkerRow row = rows.remove(number);
      if (row == null) {
        return false;
      }
      byWorker.remove(row.worker(), row);
      appendIfPossible(new LedgerLine.Release(number, time.instant()));
      compactIfWorthwhile();
      return true;
    } finally {
      lock.unlock();
    }
  }

  /// Every worker and zygote that is reserved or active, in no order.
  public List<WorkerRow> listAllWorkers() {
    return List.copyOf(rows.values());
  }

  /// Whether a worker of this number is reserved or active.
  public boolean has(long number) {
    return rows.containsKey(number);
  }

  /// Releases what nobody will: rows whose process is dead, or that were reserved long ago and
  /// never became one, and of which the warden knows nothing.
  ///
  /// @param known whether the warden still has the worker of this number
  /// @return what was released
  public List<WorkerRow> sweep(LongPredicate known) {
    Instant longAgo = time.instant().minus(RESERVATION_AGE_MAX);
    return rows.values().stream()
        .filter(row -> row.identity().map(it -> !it.alive()).orElse(row.reservedBefore(longAgo)))
        .filter(row -> !known.test(row.number()))
        .filter(row -> release(row.number()))
        .toList();
  }

  /// Writes the ledger anew where somebody has removed, replaced or cut its file. Does nothing
  /// where it is whole, or closed.
  ///
  /// @return what was missing
  /// @throws IOException if it cannot be written
  public List<String> mend() throws IOException {
    lock.lock();
    try {
      if (closed || file.isWhole()) {
        return List.of();
      }
      file.rewrite(liveLines());
      complained = false;
      return List.of(FILE);
    } finally {
      lock.unlock();
    }
  }

  /// The row of a worker or zygote, by its name such as `textstats-1`; empty where it has none (any
  /// more). For users of this package: a runtime itself goes by numbers.
  public Optional<WorkerRow> find(String worker) {
    return Optional.ofNullable(byWorker.get(worker));
  }

  /// The pids of all active workers, zygotes not among them.
  public Set<Long> activePythonPids() {
    return rows.values().stream()
        .filter(row -> !row.isZygote())
        .flatMap(row -> row.process().stream())
        .map(Activation::pid)
        .collect(Collectors.toUnmodifiableSet());
  }

  @Override
  public void close() {
    lock.lock();
    try {
      closed = true;
      file.close();
    } catch (IOException e) {
      LOG.warn("{} cannot be closed", path, e);
    } finally {
      lock.unlock();
    }
  }

  private static String fingerprint(String worker, Instant now) {
    long nanos = now.getEpochSecond() * 1_000_000_000 + now.getNano();
    return "terrarium_worker_%s_%d_%d".formatted(worker, nanos, RANDOM.nextInt(1, 1_000_001));
  }

  private void remember(WorkerRow row) {
    rows.put(row.number(), row);
    byWorker.put(row.worker(), row);
  }

  private void requireFree(WorkerRow row) {
    if (rows.containsKey(row.number()) || byWorker.containsKey(row.worker())) {
      throw new IllegalStateException(
          "worker %s (number %d) is in the ledger already".formatted(row.worker(), row.number()));
    }
  }

  private WorkerRow requireReserved(long number) {
    WorkerRow row = rows.get(number);
    if (row == null) {
      throw new IllegalStateException("worker number %d was not reserved".formatted(number));
    }
    return row;
  }

  private static WorkerRow requireSame(WorkerRow row, long pid, long startTicks) {
    if (row.process().filter(active -> active.same(pid, startTicks)).isEmpty()) {
      throw new IllegalStateException(
          "worker %s is %s already, it cannot become pid %d"
              .formatted(row.worker(), row.process(), pid));
    }
    return row;
  }

  @GuardedBy("lock")
  private void write(LedgerLine.Reserve line) throws IOException {
    if (required) {
      file.append(line.bytes());
    } else {
      appendIfPossible(line);
    }
  }

  @GuardedBy("lock")
  private void appendIfPossible(LedgerLine line) {
    try {
      file.append(line.bytes());
    } catch (IOException e) {
      complain("does not take the record of worker " + line.number(), e);
    }
  }

  @GuardedBy("lock")
  private void compactIfWorthwhile() {
    if (file.bytes() < compactAt) {
      return;
    }
    try {
      compact();
    } catch (IOException e) {
      complain("cannot be compacted", e);
    }
    compactAt = file.bytes() + COMPACT_BYTES;
  }

  @GuardedBy("lock")
  private void compact() throws IOException {
    List<byte[]> lines = liveLines();
    long live = lines.stream().mapToLong(line -> line.length).sum();
    if (live < file.bytes() / 2) {
      file.rewrite(lines);
    }
  }

  private List<byte[]> liveLines() {
    var lines = new ArrayList<byte[]>();
    for (Map.Entry<Long, WorkerRow> entry : rows.entrySet()) {
      WorkerRow row = entry.getValue();
      lines.add(new LedgerLine.Reserve(row).bytes());
      row.process().ifPresent(it -> lines.add(new LedgerLine.Activate(entry.getKey(), it).bytes()));
    }
    return lines;
  }

  @GuardedBy("lock")
  private void complain(String what, IOException failure) {
    if (!complained) {
      complained = true;
      LOG.warn("{} {}; a cleanup would go by the birthmark alone", path, what, failure);
    }
  }
}
