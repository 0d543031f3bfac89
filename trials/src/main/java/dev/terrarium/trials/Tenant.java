package dev.terrarium.trials;

import static java.util.Objects.requireNonNull;

import dev.terrarium.Pool;
import dev.terrarium.PoolBuilder;
import dev.terrarium.Start;
import dev.terrarium.Terrarium;
import dev.terrarium.TerrariumException;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// A host's side of one worker: its pool, and how the worker gets into its state.
final class Tenant {
  private static final Duration NEVER = Duration.ofHours(1);

  /// In seconds.
  static final String LIMIT_PROPERTY = "trials.limit";

  /// Of who is to end by a deadline.
  private static final Duration LIMIT = Duration.ofSeconds(Long.getLong(LIMIT_PROPERTY, 10));

  private static final Duration GRACE = Duration.ofMillis(500);
  private static final int TRANSFER_BYTES = 16 << 20;

  private final Tenancy tenancy;
  private final Traces traces;
  private final PoolBuilder builder;
  private volatile @Nullable Pool pool;

  Tenant(Terrarium runtime, Tenancy tenancy, Traces traces, Start start, int workers) {
    this.tenancy = tenancy;
    this.traces = traces;
    this.builder =
        Pool.builder()
            .runtime(runtime)
            .name(tenancy.state().name().toLowerCase(Locale.ROOT) + "-" + traces.number())
            .adapter(Places.adapter())
            .start(start)
            .size(workers)
            .environment("TRIALS_PLACE", traces.folder().toString())
            .environment("TRIALS_STATE", tenancy.state().key())
            .environment("TRIALS_KIN", tenancy.kin().key())
            .deadline(isLimited() ? LIMIT : NEVER)
            .startTimeout(isLimited() && is(State.IMPORT) ? LIMIT : NEVER)
            .cancelGrace(GRACE)
            .grace(grace());
  }

  /// A worker whose `@on_stop` never ends is during shutdown for as long as its grace is.
  private Duration grace() {
    if (!is(State.SHUTDOWN)) {
      return GRACE;
    }
    return isLimited() ? LIMIT.dividedBy(2) : NEVER;
  }

  private boolean is(State state) {
    return tenancy.state() == state;
  }

  /// Whether its time in its state is limited.
  boolean isLimited() {
    return tenancy.fate() == Fate.DEADLINE;
  }

  private Pool pool() {
    return requireNonNull(pool, "the pool");
  }

  /// Starts the pool, where that ever ends.
  void open() {
    if (!is(State.IMPORT)) {
      pool = builder.start();
    }
  }

  /// Starts the worker's child. A chain takes the processor away, and comes later.
  void begin() {
    if (!is(State.IMPORT) && tenancy.kin() != Kin.CHAIN) {
      pool().tool("begin").deadline(NEVER).call(Object.class);
    }
  }

  /// Returns when the worker is in its state.
  void enter() {
    if (!is(State.IMPORT) && tenancy.kin() == Kin.CHAIN) {
      pool().tool("begin").deadline(NEVER).call(Object.class);
    }
    switch (tenancy.state()) {
      case IDLE -> {
        return;
      }
      case IMPORT -> aside(builder::start);
      case TRANSFER -> aside(this::transfer);
      case SHUTDOWN -> closeAside();
      case LOOP, SLEEP, GIL, REGEX, STOPPED, DEAF -> {
        var _ = pool().tool("enter").args(isLimited()).callAsync(Object.class);
      }
    }
    Until.holds(traces::entered);
  }

  /// In memory files and over the socket, in turns.
  private void transfer() {
    byte[] data = new byte[TRANSFER_BYTES];
    while (true) {
      pool().tool("echo").args(data).call(byte[].class);
      try (Stream<byte @Nullable []> echoes =
          pool().tool("echo").map(Stream.of(data), it -> Map.of("data", it), byte[].class)) {
        echoes.forEach(_ -> {});
      }
    }
  }

  void closeAside() {
    aside(() -> pool().close());
  }

  private static void aside(Runnable work) {
    Thread.ofPlatform()
        .daemon()
        .start(
            () -> {
              try {
                work.run();
              } catch (TerrariumException e) {
                System.out.println("aside: " + e);
              }
            });
  }

  /// Asks a worker who it is.
  ///
  /// @return its process, and how many workers were replaced so far
  String answer() {
    long pid = requireNonNull(pool().tool("pid").call(Long.class));
    return pid + " " + pool().stats().restarts();
  }
}
