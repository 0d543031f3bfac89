package dev.terrarium.orphan;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.terrarium.CleanupPolicy;
import dev.terrarium.base.Log;
import dev.terrarium.event.Events;
import dev.terrarium.event.TerrariumEvent.OrphanFound;
import dev.terrarium.process.ProcessKiller;
import dev.terrarium.registry.StateDirectory;
import java.time.Duration;
import java.time.Instant;

/// What a runtime does about the dead ones beside it: once while it starts, and again from time to
/// time.
///
/// The first look runs beside the rest of the start, which waits for it no longer than the policy's
/// grace: what takes longer, a thousand that ignore SIGTERM or a disk that hangs, ends later.
public final class Orphans implements AutoCloseable {
  private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(5);
  private static final Duration WAIT_MIN = Duration.ofMillis(500);
  private static final Log LOG = Log.of(Orphans.class);

  private final String run;
  private final StateDirectory state;
  private final ProcessKiller killer;
  private final CleanupPolicy policy;
  private final Events events;
  private final CleanupLog log = new CleanupLog();
  private volatile Thread looking;

  @GuardedBy("this")
  private boolean closed;

  /// Begins with the first look.
  public Orphans(
      String run, StateDirectory state, ProcessKiller killer, CleanupPolicy policy, Events events) {
    this.run = run;
    this.state = state;
    this.killer = killer;
    this.policy = policy;
    this.events = events;
    this.looking = thread();
    looking.start();
  }

  private Thread thread() {
    return Thread.ofPlatform().daemon().name("terrarium-orphans-" + run).unstarted(this::look);
  }

  /// Waits for the first look, at most as long as the policy's grace.
  public void awaitStartup() {
    Duration longest = policy.grace().compareTo(WAIT_MIN) < 0 ? WAIT_MIN : policy.grace();
    try {
      if (!looking.join(longest)) {
        LOG.warn(
            "Run {}: the clean-up after dead runtimes takes longer than {}, and goes on",
            run,
            longest);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // whoever starts the runtime notices at his next wait
    }
  }

  /// Begins to clean up after what is dead by now, unless a look is under way: one that waits for
  /// the policy's hooks keeps nobody else from work. Costs next to nothing where no run is.
  public synchronized void lookAgain() {
    if (!closed && !looking.isAlive()) {
      Thread next = thread();
      next.start(); // first: where no thread can be made, the one before is the last
      looking = next;
    }
  }

  private void look() {
    try {
      CleanupReport report = new StartupCleanup(state, killer, policy).run();
      Instant now = Instant.now();
      log.say(report).forEach(it -> events.publish(new OrphanFound(now, run, it)));
    } catch (RuntimeException | Error e) {
      LOG.error("Run {}: the clean-up after dead runtimes failed", run, e);
    }
  }

  /// Ends a look where one still runs: at once, without grace for what it has found.
  @Override
  public void close() {
    Thread last;
    synchronized (this) {
      closed = true;
      last = looking;
    }
    last.interrupt();
    try {
      if (!last.join(CLOSE_TIMEOUT)) {
        LOG.warn("{} did not end within {}", last.getName(), CLOSE_TIMEOUT);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
