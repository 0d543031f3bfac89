package dev.terrarium.orphan;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.terrarium.base.Log;
import dev.terrarium.base.SteadyThread;
import dev.terrarium.event.Events;
import dev.terrarium.event.TerrariumEvent.Drift;
import dev.terrarium.event.TerrariumEvent.DriftFound;
import dev.terrarium.process.Birthmark;
import dev.terrarium.process.ProcFs;
import dev.terrarium.process.ProcessIdentity;
import dev.terrarium.process.ProcessKiller;
import dev.terrarium.process.Signal;
import dev.terrarium.registry.ProcessRegistry;
import dev.terrarium.registry.WorkerRow;
import java.time.Duration;
import java.time.Instant;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import java.util.function.LongPredicate;
import java.util.stream.Collectors;

/// Looks from time to time whether ledger, warden and machine agree, and mends where they do not.
///
/// None of this should ever find anything: who dies is reported by the warden at once, and what it
/// left behind is swept within a second. It is there for what nobody thought of. Its thread is its
/// own, since a look at all processes takes longer than a deadline may wait.
public final class ProcessAuditor implements AutoCloseable {
  private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(5);
  private static final String WHY = "auditor: its worker stands in no row";
  private static final Log LOG = Log.of(ProcessAuditor.class);

  private final String run;
  private final Birthmark mark;
  private final ProcessRegistry registry;
  private final LongPredicate knownToWarden;
  private final ProcessKiller killer;
  private final Events events;
  private final Duration interval;
  private final Runnable alsoLook;
  private final SteadyThread thread;
  private Set<ProcessIdentity> strangeBefore = Set.of();

  @GuardedBy("this")
  private boolean closed;

  /// @param knownToWarden whether the warden has, or still clears up after, the worker of a number
  /// @param alsoLook what else is to be looked at each time, on the same thread
  public ProcessAuditor(
      String run,
      Birthmark mark,
      ProcessRegistry registry,
      LongPredicate knownToWarden,
      ProcessKiller killer,
      Events events,
      Duration interval,
      Runnable alsoLook) {
    this.run = run;
    this.mark = mark;
    this.registry = registry;
    this.knownToWarden = knownToWarden;
    this.killer = killer;
    this.events = events;
    this.interval = interval;
    this.alsoLook = alsoLook;
    this.thread = new SteadyThread("terrarium-auditor-" + run, this::keepLooking);
  }

  /// The thread, for a watchdog.
  public SteadyThread thread() {
    return thread;
  }

  public void start() {
    thread.start();
  }

  private void keepLooking() {
    while (awaitNext()) {
      try {
        look();
        alsoLook.run();
      } catch (Throwable e) {
        LOG.error("The auditor of run {} failed; it goes on with its next look", run, e);
      }
    }
  }

  private synchronized boolean awaitNext() {
    long end = System.nanoTime() + interval.toNanos();
    long left = interval.toNanos();
    while (!closed && left > 0) {
      try {
        wait(left / 1_000_000 + 1);
      } catch (InterruptedException e) {
        LOG.debug("Nobody interrupts this thread but what it called", e);
      }
      left = end - System.nanoTime();
    }
    return !closed;
  }

  /// One look, by the caller's thread; a test need not wait for the next.
  void look() {
    registry.sweep(knownToWarden).forEach(this::released);
    Set<ProcessIdentity> strange =
        ProcFs.pids().stream()
            .flatMap(pid -> withoutRow(pid).stream())
            .collect(Collectors.toCollection(HashSet::new));
    // Twice, since a row goes a moment before, or comes a moment after, what it is about.
    strange.stream().filter(strangeBefore::contains).forEach(this::end);
    strangeBefore = strange;
  }

  private void released(WorkerRow row) {
    String detail = "nothing of it lives, and the warden does not know it: its row was released";
    long pid = row.identity().map(ProcessIdentity::pid).orElse(0L);
    tell(Drift.ROW_WITHOUT_WORKER, row.worker(), pid, detail);
  }

  private Optional<ProcessIdentity> withoutRow(long pid) {
    return Birthmark.of(pid)
        .filter(borne -> borne.run() == mark.run() && !borne.isWarden())
        .filter(borne -> !registry.has(borne.worker()) && !knownToWarden.test(borne.worker()))
        .flatMap(_ -> ProcFs.stat(pid))
        .filter(stat -> !stat.dead())
        .map(ProcessIdentity::of);
  }

  private void end(ProcessIdentity process) {
    ProcessKiller.Result result = killer.signal(process, mark, Signal.KILL, WHY);
    String detail =
        "bears the mark of a worker that stands in no row; SIGKILL: " + result.describe();
    tell(Drift.PROCESS_WITHOUT_ROW, "", process.pid(), detail);
  }

  private void tell(Drift drift, String worker, long pid, String detail) {
    LOG.warn("Run {}: {} (worker '{}', pid {}): {}", run, drift, worker, pid, detail);
    events.publish(new DriftFound(Instant.now(), run, drift, worker, pid, detail));
  }

  @Override
  public void close() {
    synchronized (this) {
      closed = true;
      notifyAll();
    }
    thread.interrupt(); // a clean-up that waits for somebody's grace
    try {
      if (!thread.join(CLOSE_TIMEOUT)) {
        LOG.warn("{} did not end within {}", thread.name(), CLOSE_TIMEOUT);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
