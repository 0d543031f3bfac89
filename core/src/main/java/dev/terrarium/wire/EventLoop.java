package dev.terrarium.wire;

import static dev.terrarium.wire.Limits.SLICE_BYTES;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.terrarium.base.Log;
import dev.terrarium.base.SteadyThread;
import java.io.Closeable;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.ClosedSelectorException;
import java.nio.channels.SelectableChannel;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// One thread that accepts and reads for a whole runtime.
///
/// Everything but sending happens on that thread, so nothing here needs a lock: other threads leave
/// a task and wake it up. All channels are non-blocking, so no interrupt closes one. There is one
/// inbox, of direct memory, for all connections: what was read is decoded at once.
public final class EventLoop implements AutoCloseable {
  /// A new connection's time for its whole first frame.
  public static final Duration HELLO_TIMEOUT = Duration.ofSeconds(10);

  /// Connections that may wait for their first frame at the same time.
  public static final int PENDING_MAX = 1_024;

  /// What who asks has for all of it: to ask, to be answered, and to read the answer.
  public static final Duration QUESTION_TIMEOUT = Duration.ofSeconds(5);

  /// Connections on which somebody asks at the same time.
  public static final int ASKERS_MAX = 16;

  private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(5);
  private static final Log log = Log.of(EventLoop.class);

  /// Waits in a row that may fail, a pause after each, before the loop gives up: a selector that is
  /// broken stays so.
  private static final int FAILURES_MAX = 100;

  private final SteadyThread thread;
  private final Selector selector;
  private volatile boolean stopping;

  /// Its own lock.
  private final Queue<Runnable> tasks = new ArrayDeque<>();

  /// The first of those that could not be ended when they were to be. Their channels may be closed,
  /// so that no key leads to them.
  @GuardedBy("tasks")
  private @Nullable Watched doomed;

  /// No task is taken any more.
  @GuardedBy("tasks")
  private boolean finished;

  // Of the loop's thread:
  private final ByteBuffer inbox = ByteBuffer.allocateDirect(SLICE_BYTES);
  private final List<Listener> listeners = new ArrayList<>();
  private final Strangers pending;

  /// Apart from the others: no crowd of them keeps a worker out.
  private final Strangers askers;

  private final Linger linger = new Linger(Runtime.getRuntime().availableProcessors());
  private final Consumer<SelectionKey> ready = this::ready;
  private final Throttle throttle = new Throttle(log);

  private EventLoop(String name, Selector selector, Strangers pending, Strangers askers) {
    this.thread = new SteadyThread("terrarium-loop-" + name, this::run);
    this.selector = selector;
    this.pending = pending;
    this.askers = askers;
  }

  public static EventLoop start(String name) {
    return start(
        name,
        new Strangers(HELLO_TIMEOUT, PENDING_MAX),
        new Strangers(QUESTION_TIMEOUT, ASKERS_MAX));
  }

  static EventLoop start(String name, Strangers pending, Strangers askers) {
    try {
      var loop = new EventLoop(name, Selector.open(), pending, askers);
      loop.thread.start();
      return loop;
    } catch (IOException e) {
      throw new UncheckedIOException("no selector for the loop of " + name, e);
    }
  }

  /// The thread, for a watchdog.
  public SteadyThread thread() {
    return thread;
  }

  /// Listens for frames at `socket`, which is created by this, and removed by [#close].
  Listener listen(Path socket, Greeter greeter) throws IOException {
    return listen(Listener.bind(socket, channel -> greetLater(channel, greeter, pending)));
  }

  /// Listens at `socket` for those who ask, one question a connection. Whatever came of it, a
  /// connection is closed after [#QUESTION_TIMEOUT].
  Listener listenForQuestions(Path socket, Greeter greeter) throws IOException {
    return listen(Listener.bind(socket, channel -> greetLater(channel, greeter, askers)));
  }

  /// Listens for lifelines at `socket`; they stay open until the worker or the loop ends.
  Listener listenLifelines(Path socket) throws IOException {
    return listen(Listener.bind(socket, channel -> new Lifeline(this, channel)));
  }

  private Listener listen(Listener listener) throws IOException {
    if (!execute(() -> start(listener))) {
      listener.end(null);
      throw new ClosedChannelException();
    }
    return listener;
  }

  private void start(Listener listener) {
    try {
      listener.register(this);
      listeners.add(listener);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void greetLater(SocketChannel channel, Greeter greeter, Strangers waiting)
      throws IOException {
    if (waiting.full()) {
      throw new IOException("too many connections have not said who they are");
    }
    waiting.add(new Connection(this, channel, greeter, waiting), System.nanoTime());
  }

  /// Runs `task` on the loop's thread, after what it is doing now.
  ///
  /// @return false if the loop has ended
  boolean execute(Runnable task) {
    synchronized (tasks) {
      if (finished) {
        return false;
      }
      tasks.add(task);
    }
    wakeUp();
    return true;
  }

  void wakeUp() {
    if (!thread.isCurrent()) {
      selector.wakeup();
    }
  }

  SelectionKey register(SelectableChannel channel, int operations, Watched watched)
      throws IOException {
    return channel.register(selector, operations, watched);
  }

  ByteBuffer inbox() {
    return inbox;
  }

  /// A stranger that just left said nothing and is not worth a line.
  void strangerLeft(@Nullable ProtocolException why) {
    if (why != null) {
      throttle.warn("Connection closed before it was let in", why);
    }
  }

  /// Ends `watched` on the loop's thread as soon as that is possible. May be called by any thread,
  /// and takes no memory: it is for those for whom there is none.
  void doom(Watched watched) {
    synchronized (tasks) {
      if (!watched.isDoomed()) {
        putBack(watched);
      }
    }
    wakeUp();
  }

  private void run() {
    int failures = 0;
    while (!stopping && failures < FAILURES_MAX) {
      try {
        turn();
        failures = 0;
      } catch (IOException | ClosedSelectorException e) {
        failures++;
        thread.recover(e);
      } catch (Throwable e) {
        thread.recover(e); // there will be memory again
        selector.wakeup(); // what was left undone is done by the next turn, which must not sleep
      }
    }
    if (!stopping) {
      log.error("The loop failed {} times in a row; all connections close", failures);
    }
    endEverything();
  }

  private void turn() throws IOException {
    thread.idle();
    await();
    thread.busy();
    // A handler may have left an interrupt behind, with which select would not wait any more.
    boolean _ = Thread.interrupted();
    long now = System.nanoTime();
    pending.expire(now);
    askers.expire(now);
    listeners.forEach(listener -> listener.resumeWhenDue(now));
    runTasks();
    endDoomed();
  }

  private void endDoomed() {
    for (Watched next = takeDoomed(); next != null; next = takeDoomed()) {
      try {
        next.end(ProtocolException.OUT_OF_MEMORY);
      } catch (RuntimeException | Error e) {
        putBack(next); // the next turn tries again
        throw e;
      }
    }
  }

  private @Nullable Watched takeDoomed() {
    synchronized (tasks) {
      Watched first = doomed;
      if (first != null) {
        doomed = first.nextDoomed();
      }
      return first;
    }
  }

  private void putBack(Watched watched) {
    synchronized (tasks) {
      watched.doom(doomed);
      doomed = watched;
    }
  }

  /// Until a channel is ready, a task waits or a deadline is near. Where the loop lingers it
  /// returns at once: a wake-up that came meanwhile is used up then, so its task must be run all
  /// the same.
  private void await() throws IOException {
    long now = System.nanoTime();
    if (!linger.isAwake(now)) {
      selector.select(ready, millisToNextDeadline(now));
    } else if (selector.selectNow(ready) == 0) {
      giveWay();
    }
  }

  /// The worker, or the caller, may wait for this very processor.
  @SuppressWarnings("ThreadPriorityCheck")
  private static void giveWay() {
    Thread.yield();
  }

  private void ready(SelectionKey key) {
    Watched watched = (Watched) key.attachment();
    if (watched.isDoomed()) {
      return;
    }
    thread.busy();
    linger.heard(watched, System.nanoTime());
    try {
      if (key.isValid()) {
        watched.ready();
      }
    } catch (Throwable e) {
      endAfter(watched, e);
    }
  }

  private void endAfter(Watched watched, Throwable failure) {
    try {
      log.error("{} failed; closing it", watched, failure);
      watched.end(new ProtocolException("failed: " + failure, failure));
    } catch (Throwable e) {
      doom(watched);
    }
  }

  /// For `select`, where 0 means for ever.
  private long millisToNextDeadline(long now) {
    long nanos = Math.min(pending.nanosToDeadline(now), askers.nanosToDeadline(now));
    for (Listener listener : listeners) {
      nanos = Math.min(nanos, listener.nanosToResume(now));
    }
    return nanos == Long.MAX_VALUE ? 0 : Math.max(1, TimeUnit.NANOSECONDS.toMillis(nanos) + 1);
  }

  private void runTasks() {
    for (Runnable task = nextTask(); task != null; task = nextTask()) {
      try {
        task.run();
      } catch (VirtualMachineError e) {
        throw e; // it is the first one of the next turn
      } catch (Throwable e) {
        log.error("A task of the loop failed", e);
      }
      taskDone();
    }
  }

  /// It stays where it is until it is done: one for which there was no memory runs again.
  private @Nullable Runnable nextTask() {
    synchronized (tasks) {
      return tasks.peek();
    }
  }

  private void taskDone() {
    synchronized (tasks) {
      tasks.remove();
    }
  }

  private void endEverything() {
    synchronized (tasks) {
      finished = true;
    }
    runTasks();
    selector.keys().stream()
        .map(key -> (Watched) key.attachment())
        .sorted(Comparator.comparing(watched -> !(watched instanceof Listener)))
        .toList()
        .forEach(watched -> watched.end(null));
    closeQuietly(selector);
  }

  /// Closes the listeners and removes their sockets, then closes every connection, whose handlers
  /// hear of it, and every lifeline, which kills the workers that still hold one. Waits for the
  /// thread, at most five seconds, unless called by it. May be called twice.
  @Override
  public void close() {
    stopping = true;
    selector.wakeup();
    if (!thread.isCurrent()) {
      awaitThread();
    }
  }

  private void awaitThread() {
    try {
      if (!thread.join(CLOSE_TIMEOUT)) {
        log.warn("{} did not end within {}; a handler blocks it", thread.name(), CLOSE_TIMEOUT);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  static void closeQuietly(Closeable channel) {
    try {
      channel.close();
    } catch (IOException e) {
      log.debug("Closing {} failed", channel, e);
    }
  }
}
