package dev.terrarium.orphan;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.terrarium.ExitHook;
import dev.terrarium.base.Log;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/// Closes what is still open when the JVM ends: the owner of our one shutdown hook.
///
/// The hook exists only while somebody is registered. It closes in reverse order, each closer in a
/// thread of its own; one that hangs is left behind after its share of the time, so that the others
/// get theirs. Those that leave their end to the program for some time wait for that beside them.
/// What is not closed by then is the warden's to kill.
///
/// Safe for use by many threads.
public final class ShutdownHook {
  private static final Log LOG = Log.of(ShutdownHook.class);
  private static final ShutdownHook OF_JVM = new ShutdownHook(new JvmHooks());

  private final Hooks hooks;
  private final Object lock = new Object();

  private final AtomicLong activations = new AtomicLong();

  @GuardedBy("lock")
  private final List<Registered> registered = new ArrayList<>();

  @GuardedBy("lock")
  private @Nullable Thread hook;

  @GuardedBy("lock")
  private boolean ending;

  ShutdownHook(Hooks hooks) {
    this.hooks = hooks;
  }

  /// The one of this JVM (of this class loader).
  public static ShutdownHook ofJvm() {
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

  /// Whether the JVM has begun to end, so that nothing is to be started any more. It refuses to
  /// talk of hooks from then on.
  public boolean isJvmEnding() {
    try {
      hooks.remove(Thread.ofPlatform().unstarted(() -> {}));
      return false;
    } catch (IllegalStateException e) {
      return true;
    }
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

  /// Where shutdown hooks go, and where threads come from.
  interface Hooks {
    /// A daemon thread that has not been started.
    default Thread thread(String name, Runnable task) {
      return Thread.ofPlatform().daemon().name(name).unstarted(task);
    }

    void add(Thread hook);

    void remove(Thread hook);
  }

  /// Has `closer` called when the JVM ends, unless the registration is closed before.
  ///
  /// @param name for people
  /// @param when after which delay, and for how long
  /// @throws IllegalStateException if the JVM is ending already; then nothing may be started any
  ///   more
  public Registration register(String name, ExitHook when, Closer closer) {
    var entry = new Registered(name, when, closer);
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
    entry.over.countDown();
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
      LOG.debug("the JVM is ending", e);
    }
  }

  /// What the hook does.
  private void closeAll() {
    List<Registered> open = inReverse();
    var later = new ArrayList<Thread>();
    var here = new ArrayList<Registered>();
    for (Registered entry : open.stream().filter(Registered::isLeftAlone).toList()) {
      try {
        later.add(entry.closeLater());
      } catch (OutOfMemoryError e) {
        here.add(entry); // no thread can be made: here, then, after all that must not wait
      }
    }
    closeNow(open.stream().filter(entry -> !entry.isLeftAlone()).toList());
    here.forEach(Registered::awaitAndClose);
    later.forEach(ShutdownHook::join);
  }

  private static void closeNow(List<Registered> open) {
    Duration longest =
        open.stream()
            .map(entry -> entry.when.timeout())
            .max(Duration::compareTo)
            .orElse(Duration.ZERO);
    long end = System.nanoTime() + longest.toNanos();
    for (int i = 0; i < open.size(); i++) {
      long share = (end - System.nanoTime()) / (open.size() - i);
      open.get(i).close(share);
    }
  }

  private static void join(Thread thread) {
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private List<Registered> inReverse() {
    synchronized (lock) {
      ending = true;
      return List.copyOf(registered).reversed();
    }
  }

  /// Compared by identity: the same closer may be registered twice.
  private final class Registered {
    private final String name;
    private final ExitHook when;
    private final Closer closer;
    private final CountDownLatch over = new CountDownLatch(1);

    Registered(String name, ExitHook when, Closer closer) {
      this.name = name;
      this.when = when;
      this.closer = closer;
    }

    /// Whether the program has some time to close it itself.
    boolean isLeftAlone() {
      return when.delay().isPositive();
    }

    Thread closeLater() {
      Thread thread = hooks.thread("terrarium-cleanup-later-" + name, this::awaitAndClose);
      thread.start();
      return thread;
    }

    private void awaitAndClose() {
      if (!await(over, when.delay().toNanos())) {
        LOG.warn(
            "{} is still open {} ms after the JVM began to end, and is closed now",
            name,
            when.delay().toMillis());
        close(when.timeout().toNanos());
      }
    }

    void close(long nanos) {
      var done = new CountDownLatch(1);
      try {
        hooks.thread("terrarium-cleanup-" + name, () -> closeAndCount(done)).start();
      } catch (OutOfMemoryError e) {
        closeAndCount(done); // no thread can be made: here, then, for as long as it takes
      }
      if (!await(done, nanos)) {
        LOG.warn("{} did not close within {} ms", name, nanos / 1_000_000);
      }
    }

    private void closeAndCount(CountDownLatch done) {
      try {
        closer.close();
      } catch (Exception | Error e) { // the others are still to be closed
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
