package dev.terrarium;

import static java.util.Objects.requireNonNull;

import java.time.Duration;

/// What becomes of a runtime that is still open when the JVM begins to end: on SIGTERM, on
/// `System.exit`, at the end of `main`. The JVM runs all shutdown hooks side by side, in no order:
/// ours does not know when a framework's is done with the requests that it has.
///
/// Without a hook, and where its time is up, the warden ends all processes as soon as the JVM is
/// gone; then no `@on_stop` runs.
///
/// @param installed whether there is one
/// @param delay how long the hook leaves the end to the program, which closes the runtime itself;
///   zero: it closes it at once, and running calls fail
/// @param timeout how long its closing may take then; what is not closed by then is the warden's to
///   kill. Where several runtimes are closed at once, they share the longest of these. Default 8 s:
///   less than the ten that container engines wait between SIGTERM and SIGKILL
public record ExitHook(boolean installed, Duration delay, Duration timeout) {
  /// How long a hook's closing may take.
  public static final Duration TIMEOUT = Duration.ofSeconds(8);

  public ExitHook {
    requireNonNull(delay, "delay");
    requireNonNull(timeout, "timeout");
    if (delay.isNegative() || !timeout.isPositive()) {
      throw new IllegalArgumentException(
          "exit hook: delay must not be negative, and timeout must be positive: %s, %s"
              .formatted(delay, timeout));
    }
  }

  /// Closes the runtime as soon as the JVM begins to end: the default.
  public static ExitHook atOnce() {
    return new ExitHook(true, Duration.ZERO, TIMEOUT);
  }

  /// Leaves that to the program's own lifecycle, and closes the runtime only where it is still open
  /// after `delay`. Once it is closed nothing waits any more; until then the JVM does.
  public static ExitHook after(Duration delay) {
    return new ExitHook(true, delay, TIMEOUT);
  }

  /// There is no hook: whoever starts the runtime closes it, or the warden kills what it has.
  public static ExitHook none() {
    return new ExitHook(false, Duration.ZERO, TIMEOUT);
  }

  public ExitHook withTimeout(Duration timeout) {
    return new ExitHook(installed, delay, timeout);
  }
}
