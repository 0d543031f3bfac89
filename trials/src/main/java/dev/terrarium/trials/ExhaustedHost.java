package dev.terrarium.trials;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import dev.terrarium.Config;
import dev.terrarium.DeadlineExceededException;
import dev.terrarium.Pool;
import dev.terrarium.Terrarium;
import dev.terrarium.TerrariumException;
import dev.terrarium.ToolCall;
import dev.terrarium.base.SteadyThread;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/// The program that goes on while everything runs out: one pool, and in each round 1,000 callers
/// with one call each. What it counts its callers' outcomes with needs no memory.
public final class ExhaustedHost {
  static final int CALLERS = 1_000;
  static final String READY = "ready";
  static final long STACK_BYTES = 256 << 10;

  private static final int WORKERS = 4;
  private static final int UNTYPED_MAX = 20;
  private static final Duration DEADLINE = Duration.ofSeconds(4);
  private static final Duration SHORT_DEADLINE = Duration.ofMillis(300);

  /// Far beyond any deadline: whoever has no outcome by then never gets one.
  private static final Duration PATIENCE = Duration.ofSeconds(45);

  /// How a call ended.
  enum Outcome {
    VALUE("a value"),
    DEADLINE("its deadline"),
    ERROR("another error of Terrarium's"),
    MEMORY("no memory, or no thread, for the caller himself"),
    UNTYPED("anything else");

    private final String words;

    Outcome(String words) {
      this.words = words;
    }

    /// For people.
    String words() {
      return words;
    }
  }

  private final Pool pool;
  private final Hardship hardship;
  private Round round = new Round();

  private ExhaustedHost(Pool pool, Hardship hardship) {
    this.pool = pool;
    this.hardship = hardship;
  }

  public static void main(String[] arguments) throws IOException {
    Path home = Path.of(arguments[0]);
    Config config = Config.defaults().withHome(home).withAuditInterval(Duration.ofSeconds(2));
    Terrarium runtime = Terrarium.start(config);
    Pool pool =
        Pool.builder()
            .runtime(runtime)
            .adapter(Path.of(arguments[1]))
            .size(WORKERS)
            .deadline(DEADLINE)
            .start();
    var host = new ExhaustedHost(pool, new Hardship(home.resolveSibling("written")));
    host.check();
    System.out.println(READY);
    host.obey();
    runtime.close();
    System.out.println("left " + runtime.closeReport().map(Terrarium.CloseReport::left).orElse(-1));
  }

  /// Orders come only while nothing is missing: to read one takes memory.
  private void obey() throws IOException {
    var orders = new BufferedReader(new InputStreamReader(System.in, UTF_8));
    while (true) {
      String line = next(orders);
      if (line == null) {
        Runtime.getRuntime().halt(99); // whoever watched us is gone
      } else if (line.equals("end")) {
        return;
      } else {
        obey(line.split(" ", 2));
      }
    }
  }

  // It may be this late that nothing is left to begin to wait with.
  private static @Nullable String next(BufferedReader orders) throws IOException {
    while (true) {
      try {
        return orders.readLine();
      } catch (OutOfMemoryError e) {
        LockSupport.parkNanos(SteadyThread.PAUSE.toNanos());
      }
    }
  }

  private void obey(String... words) {
    switch (words[0]) {
      case "go" -> {
        var plan = Survivors.JSON.readValue(words[1], Ordeal.Round.class);
        round = new Round();
        round.begin(plan);
        System.out.println("going " + plan.number());
      }
      case "settle" -> System.out.println("result " + words[1] + " " + round.settle());
      default -> throw new IllegalArgumentException(words[0]);
    }
  }

  static void awaitMoment(long nanos) {
    for (long left = nanos - System.nanoTime(); left > 0; left = nanos - System.nanoTime()) {
      LockSupport.parkNanos(left);
    }
  }

  /// A value, and a deadline.
  private void check() {
    for (int i = 0; i < WORKERS; i++) {
      String answer = pool.tool("echo").args("whole").call(String.class);
      if (!"whole".equals(answer)) {
        throw new IllegalStateException("it answers " + answer);
      }
    }
    try {
      Object late = pool.tool("nap").args(60).deadline(SHORT_DEADLINE).call(Object.class);
      throw new IllegalStateException("a deadline passed, and the call returned " + late);
    } catch (DeadlineExceededException e) {
      // as it should be
    }
  }

  private boolean isWhole() {
    try {
      check();
      return Until.holds(() -> pool.stats().idle() == WORKERS, Duration.ofSeconds(5));
    } catch (TerrariumException e) {
      return false;
    }
  }

  /// The callers of one round.
  private final class Round {
    private final AtomicIntegerArray perCaller = new AtomicIntegerArray(CALLERS);
    private final Map<Outcome, AtomicInteger> perOutcome = new EnumMap<>(Outcome.class);
    private final AtomicReferenceArray<@Nullable Throwable> untyped =
        new AtomicReferenceArray<>(UNTYPED_MAX);
    private final List<Thread> callers = new ArrayList<>();
    private final CountDownLatch begun = new CountDownLatch(1);
    private volatile long begin; // of the nanosecond clock

    Round() {
      for (Outcome outcome : Outcome.values()) {
        perOutcome.put(outcome, new AtomicInteger());
      }
    }

    /// Their threads are there before anything runs out; on a loaded machine a thousand of them
    /// take longer to make than it takes until something does.
    void begin(Ordeal.Round plan) {
      for (int i = 0; i < CALLERS; i++) {
        int number = i;
        callers.add(Thread.ofPlatform().daemon().stackSize(STACK_BYTES).start(() -> call(number)));
      }
      begin = System.nanoTime();
      hardship.begin(plan, begin);
      begun.countDown();
    }

    private void call(int number) {
      awaitBegin();
      awaitMoment(begin + Ordeal.WINDOW_MILLIS * 1_000_000L * number / CALLERS);
      try {
        if (number % 2 == 0) {
          count(number, awaited(toolCall(number).callAsync(Object.class)));
        } else {
          Object _ = toolCall(number).call(Object.class);
          count(number, null);
        }
      } catch (Throwable e) {
        count(number, e);
      }
    }

    private void awaitBegin() {
      try {
        begun.await();
      } catch (InterruptedException e) {
        throw new IllegalStateException("nobody interrupts a caller", e);
      }
    }

    // By looking, which takes no memory: to depend on a future can fail after it was completed.
    private static @Nullable Throwable awaited(
        CompletableFuture<? extends @Nullable Object> future) {
      while (!future.isDone()) {
        LockSupport.parkNanos(5_000_000);
      }
      return future.isCompletedExceptionally() ? future.exceptionNow() : null;
    }

    private ToolCall toolCall(int number) {
      return switch (number % 20 / 2) {
        case 0 -> pool.tool("nap").args(30).deadline(SHORT_DEADLINE);
        case 1 -> pool.tool("fail").args("on purpose");
        case 2 -> pool.tool("nap").args(0.05);
        default -> pool.tool("echo").args(number);
      };
    }

    private void count(int number, @Nullable Throwable error) {
      perCaller.incrementAndGet(number);
      Outcome outcome = outcome(error);
      int earlier = requireNonNull(perOutcome.get(outcome)).getAndIncrement();
      if (outcome == Outcome.UNTYPED && earlier < UNTYPED_MAX) {
        untyped.set(earlier, error);
      }
    }

    private static Outcome outcome(@Nullable Throwable error) {
      if (error == null) {
        return Outcome.VALUE;
      }
      if (error instanceof DeadlineExceededException) {
        return Outcome.DEADLINE;
      }
      if (error instanceof TerrariumException) {
        return Outcome.ERROR;
      }
      return error instanceof OutOfMemoryError ? Outcome.MEMORY : Outcome.UNTYPED;
    }

    /// Waits for all of them; then how they fared, as JSON.
    String settle() {
      hardship.end();
      boolean _ = Until.holds(() -> with(0) == 0, PATIENCE);
      int none = with(0);
      long begin = System.nanoTime();
      boolean whole = Until.holds(ExhaustedHost.this::isWhole, Until.PATIENCE);
      Map<Outcome, Integer> outcomes = new EnumMap<>(Outcome.class);
      perOutcome.forEach((outcome, count) -> outcomes.put(outcome, count.get()));
      List<String> strange = new ArrayList<>();
      for (int i = 0; i < UNTYPED_MAX; i++) {
        Throwable error = untyped.get(i);
        if (error != null) {
          strange.add(error.toString());
        }
      }
      return Survivors.JSON.writeValueAsString(
          new Verdict(
              outcomes,
              none,
              CALLERS - none - with(1),
              strange,
              whole ? Until.millisSince(begin) : -1));
    }

    private int with(int count) {
      int callers = 0;
      for (int i = 0; i < CALLERS; i++) {
        callers += perCaller.get(i) == count ? 1 : 0;
      }
      return callers;
    }
  }

  /// What a host says of a round.
  record Verdict(
      Map<Outcome, Integer> outcomes,
      int none,
      int twice,
      List<String> untyped,
      double wholeMillis) {}
}
