package dev.terrarium.orphan;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Closes what is still open when the JVM ends: the owner of our one shutdown hook.
///
/// The hook exists only while somebody is registered. It closes in reverse order, each closer in a
/// thread of its own; one that hangs is left behind after its share of the time, so that the others
/// get theirs. What is not closed by then is the warden's to kill.
///
/// Safe for use by many threads.
public final class ApplicationCleanup {
  /// For all closers together: less than the ten seconds that container engines wait between
  /// SIGTERM and SIGKILL.
  public static final Duration TOTAL_TIMEOUT = Duration.ofSeconds(8);

  private static final Logger LOG = LoggerFactory.getLogger(ApplicationCleanup.class);
  private static final ApplicationCleanup OF_JVM =
      new ApplicationCleanup(new JvmHooks(), TOTAL_TIMEOUT);

  private final Hooks hooks;
  private final Duration totalTimeout;
  private final Object lock = new Object();

  private final AtomicLong activations = new AtomicLong();

  @GuardedBy("lock")
  private final List<Registered> registered = new ArrayList<>();

  @GuardedBy("lock")
  private @Nullable Thread hook;

  @GuardedBy("lock")
  private boolean ending;

  ApplicationCleanup(Hooks hooks, Duration totalTimeout) {
    this.hooks = hooks;
    this.totalTimeout = totalTimeout;
  }

  /// The one of this JVM (of this class loader).
  public static ApplicationCleanup ofJvm() {
    return OF_JVM;
  }

  /// The end of a runtime found something that should have been gone, and killed it.
  public void activated() {
    activations.incrementAndGet();
  }

  /// How often that happened in this JVM; expected: never.
  public long activations() {
    return activations.get();
  }

  /// Something that can be closed, possibly with an error that is then logged.
  @FunctionalInterface
  public interface Closer {
    void close() throws Exception;
  }

  /// Ends the registration, without closing what was registered. More than once does nothing.
  public interface Registration extends AutoCloseable {
    @Override
    void close();
  }

  /// Where shutdown hooks go.
  interface Hooks {
    void add(Thread hook);

    void remove(Thread hook);
  }

  /// Has `closer` called when the JVM ends, unless the registration is closed before.
  ///
  /// @param name for people
  /// @throws IllegalStateException if the JVM is ending already; then nothing may be started any
  ///   more
  public Registration register(String name, Closer closer) {
    var entry = new Registered(name, closer);
    synchronized (lock) {
      if (ending) {
        // With the hook under way nobody would close this any more.
        throw new IllegalStateException("the JVM is ending; " + name + " comes too late");
      }
      if (hook == null) {
        Thread added = Thread.ofPlatform().name("terrarium-cleanup").unstarted(this::closeAll);
        hooks.add(added);
        hook = added;
      }
      registered.add(entry);
    }
    return () -> deregister(entry);
  }

  private void deregister(Registered entry) {
    synchronized (lock) {
      if (registered.remove(entry) && registered.isEmpty() && hook != null) {
        removeHook(hook);
        hook = null;
      }
    }
  }

  /// While the JVM ends the hook cannot be removed, and need not be.
  private void removeHook(Thread added) {
    try {
      hooks.remove(added);
    } catch (IllegalStateException e) {
      LOG.trace("the JVM is ending", e);
    }
  }

  /// What the hook does.
  private void closeAll() {
    List<Registered> open = inReverse();
    long end = System.nanoTime() + totalTimeout.toNanos();
    for (int i = 0; i < open.size(); i++) {
      long share = (end - System.nanoTime()) / (open.size() - i);
      open.get(i).close(share);
    }
  }

  private List<Registered> inReverse() {
    synchronized (lock) {
      ending = true;
      return List.copyOf(registered).reversed();
    }
  }

  /// Compared by identity: the same closer may be registered twice.
  private static final class Registered {
    private final String name;
    private final Closer closer;

    Registered(String name, Closer closer) {
      this.name = name;
      this.closer = closer;
    }

    void close(long nanos) {
      var done = new CountDownLatch(1);
      Thread.ofPlatform()
          .daemon()
          .name("terrarium-cleanup-" + name)
          .start(() -> closeAndCount(done));
      if (!await(done, nanos)) {
        LOG.warn("{} did not close within {} ms", name, nanos / 1_000_000);
      }
    }

    private void closeAndCount(CountDownLatch done) {
      try {
        closer.close();
      } catch (Exception e) {
        LOG.warn("{} did not close as it should", name, e);
      } finally {
        done.countDown();
      }
    }

    private static boolean await(CountDownLatch done, long nanos) {
      try {
        return done.await(nanos, TimeUnit.NANOSECONDS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return false;
      }
    }
  }

  private static final class JvmHooks implements Hooks {
    @Override
    public void add(Thread hook) {
      Runtime.getRuntime().addShutdownHook(hook);
    }

    @Override
    public void remove(Thread hook) {
      Runtime.getRuntime().removeShutdownHook(hook);
    }
  }
}
