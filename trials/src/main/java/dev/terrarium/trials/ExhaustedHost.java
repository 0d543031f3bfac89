package dev.terrarium.trials;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.UnsynchronizedAppenderBase;
import dev.terrarium.Config;
import dev.terrarium.DeadlineExceededException;
import dev.terrarium.Pool;
import dev.terrarium.Terrarium;
import dev.terrarium.TerrariumException;
import dev.terrarium.ToolCall;
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
import org.slf4j.LoggerFactory;

/// The program that goes on while everything runs out: one pool, and in each round 1,000 callers
/// with one call each. What it counts its callers' outcomes with needs no memory.
public final class ExhaustedHost {
  static final int CALLERS = 1_000;
  static final String READY = "ready";

  private static final int WORKERS = 4;
  private static final long STACK_BYTES = 256 << 10;
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
  private final Stall stall = new Stall();
  private Round round = new Round();

  private ExhaustedHost(Pool pool) {
    this.pool = pool;
  }

  public static void main(String[] arguments) throws IOException {
    Config config =
        Config.defaults().withHome(Path.of(arguments[0])).withAuditInterval(Duration.ofSeconds(2));
    Terrarium runtime = Terrarium.start(config);
    Pool pool =
        Pool.builder()
            .runtime(runtime)
            .adapter(Path.of(arguments[1]))
            .size(WORKERS)
            .deadline(DEADLINE)
            .start();
    var host = new ExhaustedHost(pool);
    host.check();
    System.out.println(READY);
    host.obey();
    runtime.close();
    System.out.println("left " + runtime.closeReport().map(Terrarium.CloseReport::left).orElse(-1));
  }

  private void obey() throws IOException {
    var orders = new BufferedReader(new InputStreamReader(System.in, UTF_8));
    while (true) {
      try {
        String line = orders.readLine();
        if (line == null) {
          Runtime.getRuntime().halt(99); // whoever watched us is gone
        } else if (line.equals("end")) {
          return;
        } else {
          obey(line.split(" ", -1));
        }
      } catch (OutOfMemoryError e) {
        // An order that came while there was no memory to read it: then that is all that happens.
      }
    }
  }

  private void obey(String... words) {
    switch (words[0]) {
      case "go" -> {
        round = new Round();
        round.begin();
        System.out.println("going " + words[1]);
      }
      case "heap" ->
          aside(
              () -> {
                fill(Long.parseLong(words[1]));
                System.out.println("freed " + words[2]);
              });
      case "log" -> stall.forMillis(Long.parseLong(words[1]));
      case "settle" -> System.out.println("result " + words[1] + " " + round.settle());
      default -> {} // the rest of one that could not be read
    }
  }

  private static void aside(Runnable work) {
    Thread.ofPlatform().daemon().start(work);
  }

  /// Takes all that there is, down to the last bytes, again and again.
  private static void fill(long millis) {
    long end = System.nanoTime() + millis * 1_000_000;
    Object[] hoard = new Object[1 << 18];
    int taken = 0;
    while (System.nanoTime() < end) {
      for (int size = 1 << 20; size >= 16; size /= 4) {
        try {
          while (taken < hoard.length) {
            hoard[taken] = new byte[size];
            taken++;
          }
        } catch (OutOfMemoryError e) {
          // smaller ones fit
        }
      }
      LockSupport.parkNanos(1_000_000);
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

    Round() {
      for (Outcome outcome : Outcome.values()) {
        perOutcome.put(outcome, new AtomicInteger());
      }
    }

    /// Their threads are there before anything runs out.
    void begin() {
      long begin = System.nanoTime();
      for (int i = 0; i < CALLERS; i++) {
        int number = i;
        long at = begin + Ordeal.WINDOW_MILLIS * 1_000_000L * i / CALLERS;
        callers.add(
            Thread.ofPlatform().daemon().stackSize(STACK_BYTES).start(() -> callAt(at, number)));
      }
    }

    private void callAt(long at, int number) {
      for (long left = at - System.nanoTime(); left > 0; left = at - System.nanoTime()) {
        LockSupport.parkNanos(left);
      }
      try {
        if (number % 2 == 0) {
          count(number, awaited(call(number).callAsync(Object.class)));
        } else {
          Object _ = call(number).call(Object.class);
          count(number, null);
        }
      } catch (Throwable e) {
        count(number, e);
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

    private ToolCall call(int number) {
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

  /// Holds whoever logs, as long as it is told to.
  private static final class Stall extends UnsynchronizedAppenderBase<ILoggingEvent> {
    private volatile CountDownLatch goOn = new CountDownLatch(0);

    Stall() {
      var root = (Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
      setContext(root.getLoggerContext());
      start();
      root.addAppender(this);
    }

    void forMillis(long millis) {
      var latch = new CountDownLatch(1);
      goOn = latch;
      aside(
          () -> {
            LockSupport.parkNanos(millis * 1_000_000);
            latch.countDown();
          });
    }

    @Override
    protected void append(ILoggingEvent event) {
      try {
        goOn.await();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
