package dev.terrarium.worker;

import dev.terrarium.DeadlineExceededException;
import dev.terrarium.PoolConfig;
import dev.terrarium.TerrariumException;
import dev.terrarium.base.DurationFormat;
import dev.terrarium.call.Exchange;
import dev.terrarium.wire.Messages;
import dev.terrarium.wire.Messages.CancelReason;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// The calls that one worker has, and how they are cut short.
///
/// What the caller gets and what becomes of the call are two questions. The caller has his outcome
/// at once; the call stays here, and keeps its place on the worker, until Python has ended it or
/// the worker is gone.
final class CallsInFlight {
  /// How long Python has to say its stacks itself before the warden asks by signal.
  static final Duration STACKS_WAIT = Duration.ofMillis(50);

  /// How long a caller waits for stacks beyond his deadline, at most.
  static final Duration STACKS_LIMIT = Duration.ofMillis(450);

  /// What can be done to the worker.
  interface Reach {
    void send(long call, Messages.Outgoing message);

    /// Asks for the stacks by signal.
    void dump(Consumer<String> answer);

    void killUnresponsive(String why);

    void after(Duration delay, Runnable task);
  }

  private final String worker;
  private final PoolConfig config;
  private final Reach reach;
  private final Map<Long, Exchange> calls = new ConcurrentHashMap<>();

  CallsInFlight(String worker, PoolConfig config, Reach reach) {
    this.worker = worker;
    this.config = config;
    this.reach = reach;
  }

  void add(Exchange call) {
    calls.put(call.id(), call);
  }

  boolean isEmpty() {
    return calls.isEmpty();
  }

  @Nullable Exchange find(long id) {
    return calls.get(id);
  }

  @Nullable Exchange remove(long id) {
    return calls.remove(id);
  }

  List<Exchange> all() {
    return List.copyOf(calls.values());
  }

  /// All of them, in the order in which they were sent: a row's first item fails before those
  /// behind it are placed anew.
  List<Exchange> inOrder() {
    return calls.values().stream().sorted(Comparator.comparingLong(Exchange::order)).toList();
  }

  /// Those that a worker has certainly not begun which runs plain tools one after the other, in the
  /// order in which they came, and answers one before it begins the next: all behind the first that
  /// it has not answered.
  ///
  /// @param unanswered all of them, when everything that the worker said has been read
  static Set<Exchange> notBegun(List<Exchange> unanswered, Predicate<Exchange> isPlain) {
    long first =
        unanswered.stream()
            .filter(call -> call.order() > 0 && isPlain.test(call))
            .mapToLong(Exchange::order)
            .min()
            .orElse(0);
    return unanswered.stream()
        .filter(call -> call.order() == 0 || (isPlain.test(call) && call.order() > first))
        .collect(Collectors.toSet());
  }

  void deadlinePassed(Exchange call, Duration deadline) {
    if (call.isDone()) {
      return;
    }
    call.failDeadline(stacks -> deadlineError(call, deadline, stacks));
    interrupt(call, CancelReason.DEADLINE);
    reach.after(STACKS_WAIT, () -> dumpFor(call));
    reach.after(STACKS_LIMIT, () -> call.deadlineStacks(""));
  }

  private void dumpFor(Exchange call) {
    if (!call.isDone()) {
      reach.dump(call::deadlineStacks);
    }
  }

  void interrupt(Exchange call, CancelReason reason) {
    if (calls.containsKey(call.id())) {
      if (call.interrupted(reason)) {
        reach.send(call.id(), new Messages.Cancel(reason));
      }
      reach.after(config.cancelGrace(), () -> killIfStillThere(call, reason));
    }
  }

  private void killIfStillThere(Exchange call, CancelReason reason) {
    if (calls.containsKey(call.id())) {
      reach.killUnresponsive(
          "a call of '%s' did not end within %s of its %s"
              .formatted(
                  call.tool(),
                  DurationFormat.of(config.cancelGrace()),
                  reason == CancelReason.DEADLINE ? "deadline" : "cancellation"));
    }
  }

  private TerrariumException deadlineError(Exchange call, Duration deadline, String stacks) {
    return new DeadlineExceededException(
        "Exchange of '%s' on worker %s exceeded its deadline of %s%s"
            .formatted(
                call.tool(),
                worker,
                DurationFormat.of(deadline),
                stacks.isEmpty() ? " (Python could not say where it was)" : "; Python was at:"),
        stacks);
  }
}
